"""JSON lines: how the benchmark talks with its Python processes. The TypeScript counterpart is json_lines.ts."""

import json
import sys
import traceback


def serve_requests(handlers):
    """Says that the process is ready, then answers each request {"do": NAME, ...} until standard input ends.

    Libraries that print do so to standard error: standard output belongs to the answers.
    """
    out, sys.stdout = sys.stdout, sys.stderr

    def say(message):
        out.write(json.dumps(message) + "\n")
        out.flush()

    say({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            say(handlers[request.pop("do")](**request))
        except Exception as error:
            traceback.print_exc()
            say({"error": f"{type(error).__name__}: {error}"})

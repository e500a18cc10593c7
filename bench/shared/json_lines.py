"""Python processes of the benchmarks: requests and answers as JSON lines, as processes.ts sends and expects them."""

import json
import sys
import traceback


def serve_requests(handlers):
    """Reports that the process is ready, then answers each request {"do": NAME, ...} until standard input ends.

    Standard output is for the answers, so what libraries print goes to standard error.
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

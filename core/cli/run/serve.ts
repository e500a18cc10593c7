/**
 * `deno task serve`: the status endpoint for runs that are over, or that another process runs.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { serveStatus } from "../../status/mod.ts";
import { checkFlags, type Console, processConsole, UsageError } from "../shared/console.ts";
import { explain } from "../shared/explain.ts";
import { accessOf, SERVER_FLAGS, SERVER_HELP, serverOf } from "./server_flags.ts";
import { onStopSignal } from "./signals.ts";

const HELP = `Serves the status of runs as JSON, and a page for browsers.

Usage: deno task serve [options]

  --out DIR       folder with results (default: out)
${SERVER_HELP}
  --help          print this

GET /openapi.json lists all routes; / is the page.`;

/** Runs the command until it is interrupted; returns the exit code. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  try {
    const string = ["out", ...SERVER_FLAGS] as const;
    const flags = parseArgs(args, {
      string,
      boolean: ["help"],
      collect: ["allow-host"],
      alias: { help: "h" },
      default: { out: "out" },
      unknown: checkFlags([...string, "help"], "deno task serve"),
    });
    if (flags.help) return io.out(HELP), 0;
    for (const name of string) {
      if ([flags[name]].flat().includes("")) throw new UsageError(`--${name} needs a value`);
    }
    const options = serverOf(flags);
    if (!isFolder(flags.out)) {
      throw new UsageError(
        `there is no folder ${flags.out}; run a pipeline first, or name it by --out`,
      );
    }
    const { out } = flags;
    const access = accessOf(options);
    const { host, port } = options;
    const onFailure = (message: string) => io.err(`Error: ${message}`);
    const server = await serveStatus({ out, host, port, access, onFailure });
    io.err(`Status of ${out}: ${server.url}/status (Ctrl-C ends it)`);
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = onStopSignal(resolve);
    await promise;
    stop.dispose();
    await server.close();
    return 0;
  } catch (error) {
    io.err(`Error: ${explain(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));

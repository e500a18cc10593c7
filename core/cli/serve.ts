/**
 * `deno task serve`: the status endpoint for runs that are over, or that another process runs.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { RunFolder } from "../runner/mod.ts";
import { DEFAULT_PORT, serveStatus, statusApp } from "../status/mod.ts";
import { checkFlags, type Console, parsePort, processConsole, UsageError } from "./console.ts";
import { explain } from "./explain.ts";
import { onStopSignal } from "./signals.ts";

const HELP = `Serves the status of runs as JSON on 127.0.0.1.

Usage: deno task serve [options]

  --out DIR   folder with results (default: out)
  --port N    port (default: ${DEFAULT_PORT})
  --help      print this

GET /status, /runs, /runs/:id, /runs/:id/metrics?step=ID&name=loss&from=STEP&to=STEP, /healthz`;

/** Runs the command until it is interrupted; returns the exit code. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  try {
    const flags = parseArgs(args, {
      string: ["out", "port"],
      boolean: ["help"],
      alias: { help: "h" },
      default: { out: "out", port: String(DEFAULT_PORT) },
      unknown: checkFlags(["out", "port", "help"], "deno task serve"),
    });
    if (flags.help) return io.out(HELP), 0;
    const port = parsePort(flags.port);
    if (!isFolder(flags.out)) {
      throw new UsageError(
        `there is no folder ${flags.out}; run a pipeline first, or name it by --out`,
      );
    }
    const server = serveStatus(statusApp(new RunFolder(flags.out)), port);
    io.err(`Status of ${flags.out}: ${server.url}/status (Ctrl-C ends it)`);
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

/**
 * `deno task step`: computes one step that a launcher handed over. People run `deno task pipeline:launch`, which has
 * this run where the step is to be computed.
 *
 * @module
 */
import { join } from "node:path";
import { clearOutcome, readOrder, ReportWriter, writeOutcome } from "../../remote/launch/mod.ts";
import { Interrupted, runStep, toPlainError, workerExecutor } from "../../runner/mod.ts";
import { loadRecipe } from "../../recipe/mod.ts";
import { type Console, processConsole, UsageError } from "../shared/console.ts";
import { useDataRoot } from "../shared/data_root.ts";
import { explainAll } from "../shared/recipe_flags.ts";
import { onStopSignal, StopRequest } from "./signals.ts";

const HELP = `Computes one step of a recipe, for launchers.

Usage: deno task step FOLDER STEP

  FOLDER  of the launch, with order.json: OUT/launch/ID
  STEP    id of the step; those that it reads must be done

Exit codes: 0 done, 1 failed, 2 wrong usage, 75 stopped by SIGUSR2 or SIGUSR1, to be started again,
143 by SIGTERM.`;

/** Runs the command; returns the exit code. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  if (args.some((arg) => arg === "--help" || arg === "-h")) return io.out(HELP), 0;
  const [folder, id] = args;
  const stop = onStopSignal(() => io.err("Stopping at the next checkpoint …"));
  try {
    if (args.length !== 2) throw new UsageError("deno task step takes a folder and a step");
    await computeStep(folder, id, stop.signal, io);
    return 0;
  } catch (error) {
    if (error instanceof Interrupted) {
      const { reason } = stop.signal;
      const request = reason instanceof StopRequest ? reason : new StopRequest("SIGTERM");
      io.err(`${request.message}. ${error.message}`);
      return request.exit_code;
    }
    io.err(`Error: ${explainAll(error)}`);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    stop.dispose();
  }
}

async function computeStep(folder: string, id: string, signal: AbortSignal, io: Console) {
  const { recipe: url, load, out, data_root } = readOrder(folder);
  clearOutcome(folder, id);
  const reports = new ReportWriter(folder, id);
  const log = (message: string) => {
    reports.log(message);
    io.err(message);
  };
  try {
    useDataRoot(data_root);
    const recipe = await loadRecipe(url, load);
    const result = await runStep(recipe, id, {
      out,
      executor: workerExecutor(url, { load }),
      listener: { report: reports.report, sample: reports.sample, log },
      signal,
      guard: (key) => lockKey(join(out, "launch", "locks"), key),
    });
    writeOutcome(folder, id, { result });
  } catch (error) {
    if (!(error instanceof Interrupted)) writeOutcome(folder, id, { error: toPlainError(error) });
    throw error;
  } finally {
    reports.close();
  }
}

/** Waits until no other process computes the same. The system drops the lock when this one ends, however it ends. */
async function lockKey(folder: string, key: string): Promise<() => void> {
  Deno.mkdirSync(folder, { recursive: true });
  const file = await Deno.open(join(folder, key), { write: true, create: true });
  await file.lock(true);
  return () => file.close();
}

if (import.meta.main) Deno.exit(await main(Deno.args));

/**
 * `deno task step`: computes one step, as a job of `deno task pipeline:launch`.
 *
 * @module
 */
import { openFile } from "../../words/mod.ts";
import { join } from "node:path";
import { clearOutcome, readOrder, ReportWriter, writeOutcome } from "../../remote/launch/mod.ts";
import { Interrupted, runStep, toPlainError, workerExecutor } from "../../runner/mod.ts";
import { loadRecipe } from "../../recipe/mod.ts";
import { type Console, processConsole } from "../shared/console.ts";
import { defineCommand, mainOf } from "../shared/command.ts";
import { useDataRoot } from "../shared/inputs.ts";
import { verifiedLine } from "./progress.ts";
import { onStopSignal, StopRequest } from "./stop.ts";

export const command = defineCommand({
  name: "step",
  summary: "Computes one step of a recipe, for launchers; people use pipeline:launch",
  args: [
    { name: "FOLDER", help: "folder of the launch, with order.json: OUT/launch/ID" },
    { name: "STEP", help: "id of the step; the steps that it reads must be done" },
  ],
  flags: {},
  examples: ["deno task step out/launch/1a2b3c4d pretrain"],
  notes:
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 75 stopped by SIGUSR2 or SIGUSR1 and to be " +
    "started again, 143 by SIGTERM.",
});

/** Runs the command; returns the exit code. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  const stop = onStopSignal({ first: () => io.err("Stopping at the next checkpoint …") });
  try {
    return await mainOf(command, async ({ args: [folder, id] }, io) => {
      try {
        await computeStep(folder, id, stop.signal, io);
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        const { reason } = stop.signal;
        const request = reason instanceof StopRequest ? reason : new StopRequest("SIGTERM");
        io.err(`${request.message}. ${error.message}`);
        return request.exit_code;
      }
    })(args, io);
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
      onVerified: (verification) => verification.results > 0 && io.err(verifiedLine(verification)),
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

/** Waits until no other process computes the same result. The lock ends with the process, however it ends. */
async function lockKey(folder: string, key: string): Promise<() => void> {
  Deno.mkdirSync(folder, { recursive: true });
  const file = await openFile(join(folder, key), { write: true, create: true });
  await file.lock(true);
  return () => file.close();
}

if (import.meta.main) Deno.exit(await main(Deno.args));

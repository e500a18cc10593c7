/**
 * `deno task bench:gpu`: gradients on a GPU against the CPU, and training speed against PyTorch on the same GPU. A
 * machine without network gets all of it as one file (pack.ts).
 *
 * @module
 */
import { measure } from "./measure.ts";
import { HELP, parseAction } from "./options.ts";
import { pack } from "./pack.ts";
import { renderReport } from "./report.ts";
import { readResults, type Results } from "./results.ts";
import { command, saveResults, writeResults } from "../shared/command.ts";

/** @returns the exit code: 1 if a check or a measurement failed. */
async function main(args: readonly string[]): Promise<number> {
  const action = parseAction(args);
  if (action === undefined) return console.log(HELP), 0;
  if (action.do === "pack") return await pack(action.file), 0;
  if (action.do === "report") return console.log(renderReport(readResults(action.file))), 0;
  const { options } = action;
  const save = (results: Results) => writeResults(options.out, results, renderReport(results));
  const results = await measure(options, save);
  const report = renderReport(results);
  saveResults(options.out, results, report);
  console.log(report);
  const failed = results.checks.some(({ passed }) => !passed) ||
    results.measurements.some(({ error }) => error !== undefined);
  return failed ? 1 : 0;
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));

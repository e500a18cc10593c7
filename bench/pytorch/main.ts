/**
 * `deno task bench:train` and `deno task bench:evaluate`: whole training steps, or forward passes with their loss, of
 * Causeway against PyTorch.
 *
 * @module
 */
import { help, parseOptions } from "./options.ts";
import { renderReport } from "./report.ts";
import { mergeResults, readResults, type Results } from "./results.ts";
import { runBenchmark } from "./run.ts";
import { command, saveResults, UsageError, writeResults } from "../shared/command.ts";

const TITLES = {
  train: "Training speed against PyTorch",
  evaluate: "Evaluation speed against PyTorch",
} as const;

/** @returns the exit code: 1 if a contest failed. */
async function main([benchmark, ...args]: readonly string[]): Promise<number> {
  if (benchmark !== "train" && benchmark !== "evaluate") {
    throw new UsageError("the first argument must be train or evaluate");
  }
  const title = TITLES[benchmark];
  const options = parseOptions(args, benchmark);
  if (options === undefined) return console.log(help(benchmark, `${title}.`)), 0;
  const save = (results: Results) =>
    writeResults(options.out, results, renderReport(results, title));
  const results = options.from
    ? mergeResults(options.from.map((path) => readResults(path, benchmark)))
    : await runBenchmark(benchmark, options, save);
  const report = renderReport(results, title);
  saveResults(options.out, results, report);
  console.log(report);
  const failed = results.sizes.some(({ contests }) => contests.some(({ error }) => error));
  return failed ? 1 : 0;
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));

/**
 * The command line of a benchmark: help, errors, and where the results go.
 *
 * @module
 */
import { dirname } from "node:path";
import { writeAtomic } from "../../core/store/mod.ts";
import { mergeResults, readResults } from "./merge.ts";
import { help, parseOptions, UsageError } from "./options.ts";
import { renderReport } from "./report.ts";
import type { Results } from "./results.ts";
import { runBenchmark, type Task } from "./run.ts";

/** Runs the training or the evaluation benchmark; returns the exit code. */
export async function main(task: Task, title: string, args: readonly string[]): Promise<number> {
  return await command(async () => {
    const options = parseOptions(args, task.name);
    if (options === undefined) return console.log(help(task.name, `${title}.`)), 0;
    const save = (results: Results) =>
      writeResults(options.out, results, renderReport(results, title));
    const results = options.from
      ? mergeResults(options.from.map((path) => readResults(path, task.name)))
      : await runBenchmark(task, options, save);
    const report = renderReport(results, title);
    saveResults(options.out, results, report);
    console.log(report);
    const failed = results.sizes.some(({ contests }) => contests.some(({ error }) => error));
    return failed ? 1 : 0;
  });
}

/** Exit code 1 and one sentence for an error, 2 for a wrong command line. */
export async function command(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    console.error(`Error: ${(error as Error).message}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** Writes results and report beside each other, `train.json` and `train.md`, and says so. */
export function saveResults(out: string, results: unknown, report: string): void {
  const markdown = writeResults(out, results, report);
  console.error(`Written to ${out} and ${markdown}`);
}

/**
 * Writes results and report; each file is the old one or the new, never a part.
 *
 * @returns the path of the report.
 */
function writeResults(out: string, results: unknown, report: string): string {
  const markdown = out.replace(/\.json$/, "") + ".md";
  Deno.mkdirSync(dirname(out), { recursive: true });
  writeAtomic(out, JSON.stringify(results, null, 2) + "\n");
  writeAtomic(markdown, report);
  return markdown;
}

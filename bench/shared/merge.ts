/**
 * One report out of several runs of a benchmark.
 *
 * @module
 */
import { z } from "zod";
import { IMPLEMENTATIONS, MODES, VARIANTS } from "./options.ts";
import type { Contest, Results, SizeResult } from "./results.ts";
import { SIZES } from "./sizes.ts";

/** What merging relies on; the rest of the file is taken as it is. */
const results_schema = z.looseObject({
  benchmark: z.enum(["train", "evaluate"]),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  settings: z.looseObject({ threads: z.number() }),
  sizes: z.array(z.looseObject({
    size: z.enum(SIZES.map(({ name }) => name)),
    passes_per_round: z.number(),
    contests: z.array(z.looseObject({
      mode: z.enum(MODES),
      implementation: z.enum(IMPLEMENTATIONS),
      variant: z.enum(VARIANTS),
      rounds: z.array(z.looseObject({ ours_s: z.number(), theirs_s: z.number() })),
    })),
  })),
});

/**
 * Reads a file that a benchmark wrote.
 *
 * @throws {Error} when it is not there, or holds something else.
 */
export function readResults(path: string, benchmark: Results["benchmark"]): Results {
  let data: unknown;
  try {
    data = JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    throw new Error(`--from ${path}: ${(error as Error).message}`);
  }
  const { success, error } = results_schema.safeParse(data);
  if (!success) throw new Error(`--from ${path} holds no results: ${z.prettifyError(error)}`);
  const results = data as Results;
  if (results.benchmark !== benchmark) {
    throw new Error(
      `--from ${path} holds results of bench:${results.benchmark}, not of bench:${benchmark}`,
    );
  }
  return results;
}

/** What must be the same in all runs for their numbers to stand in one table. */
function conditions({ machine, settings }: Results): Record<string, unknown> {
  const { date: _, load_average_before: __, ...same } = machine;
  return { ...same, threads: settings.threads };
}

/**
 * Puts runs together: what a later one measured replaces what an earlier one did of the same contest.
 *
 * @throws {Error} when machine, versions, threads or passes per round differ.
 */
export function mergeResults(runs: readonly Results[]): Results {
  const [first, ...others] = runs;
  const expected = conditions(first);
  const sizes = new Map<string, SizeResult>();
  for (const run of [first, ...others]) {
    for (const [name, value] of Object.entries(conditions(run))) {
      if (value !== expected[name]) {
        throw new Error(`the runs differ in ${name}: ${expected[name]} and ${value}`);
      }
    }
    for (const size of run.sizes) sizes.set(size.size, mergeSize(sizes.get(size.size), size));
  }
  return {
    ...first,
    machine: {
      ...first.machine,
      date: [...new Set(runs.map(({ machine }) => machine.date))].join(", "),
      load_average_before: Math.max(
        ...runs.map(({ machine }) => Number(machine.load_average_before)),
      ),
    },
    sizes: SIZES.flatMap(({ name }) => sizes.get(name) ?? []),
  };
}

function mergeSize(earlier: SizeResult | undefined, later: SizeResult): SizeResult {
  if (!earlier) return later;
  if (earlier.passes_per_round !== later.passes_per_round) {
    throw new Error(
      `the runs differ in passes per round at ${later.size}: ` +
        `${earlier.passes_per_round} and ${later.passes_per_round}`,
    );
  }
  const key = ({ variant, mode, implementation }: Contest) =>
    [variant, mode, implementation].join();
  const replaced = new Set(later.contests.map(key));
  const kept = earlier.contests.filter((contest) => !replaced.has(key(contest)));
  return {
    ...later,
    one_at_a_time: earlier.one_at_a_time || later.one_at_a_time,
    ours: { ...earlier.ours, ...later.ours },
    contests: [...kept, ...later.contests],
  };
}

/**
 * What a run of the training or evaluation benchmark measured, and one result out of several runs.
 *
 * @module
 */
import {
  type Implementation,
  IMPLEMENTATIONS,
  type Mode,
  MODES,
  type Variant,
  VARIANTS,
} from "./options.ts";
import { z } from "zod";
import type { Parts, Prepared } from "../shared/contest.ts";
import { type Round, speedRatio, type Spread, spread, type Turns } from "../shared/measurements.ts";
import { SIZES } from "../shared/workload.ts";
import type { Passes } from "@causeway/core/model";
import { issueText } from "@causeway/core/words";

/** What is compared: whole training steps, or forward passes with their loss. */
export type Benchmark = "train" | "evaluate";

/** Content of the JSON file. */
export interface Results {
  readonly benchmark: Benchmark;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly sizes: SizeResult[];
}

export interface SizeResult {
  readonly size: string;
  readonly parameters: number;
  readonly rows: number;
  readonly length: number;
  readonly passes: Passes;
  /** FLOPs of the matrix products of one pass (core/model). */
  readonly flops_per_pass: number;
  readonly passes_per_round: number;
  /** Workers of Causeway; older results have none. */
  readonly workers?: number;
  /** Whether all rounds of one side came after all rounds of the other. */
  readonly one_at_a_time?: boolean;
  /** By variant. */
  readonly ours: Partial<Record<Variant, SideResult>>;
  readonly contests: Contest[];
}

/** Start-up, memory and parts of one process. */
export interface SideResult {
  readonly start_up_s: number;
  readonly prepared: Prepared;
  /** Largest resident memory of the process over its whole life. */
  readonly peak_bytes?: number;
  /** Largest resident memory after the warm-up. */
  readonly steady_peak_bytes?: number;
  readonly parts: Parts;
}

/** Causeway against one implementation of the other side in one mode. */
export interface Contest {
  readonly mode: Mode;
  readonly implementation: Implementation;
  readonly variant: Variant;
  rounds: Round[];
  /** Turns beside programs that computed all the time; absent in older results. */
  busy?: Turns[];
  /** Rounds that were repeated because the machine was not quiet. */
  repeated: number;
  theirs?: SideResult;
  /** Why there is no ratio. */
  error?: string;
}

interface Speeds {
  /** Causeway's speed over that of the other side. */
  readonly ratio: Spread;
  /** Tokens/s. */
  readonly ours: Spread;
  readonly theirs: Spread;
}

/** A row of the speed table. */
export interface Summary extends Speeds {
  readonly contest: Contest;
  /** Beside programs that computed all the time. */
  readonly busy?: Speeds;
  /** FLOP/s of the pass's matrix products over those of Gemm alone in the same round. */
  readonly ours_share: Spread;
  readonly theirs_share: Spread;
  /** FLOP/s. */
  readonly ceiling: Spread;
}

export function summarize(size: SizeResult, contest: Contest): Summary {
  const { rounds, busy } = contest;
  const tokens = size.rows * size.length * size.passes_per_round;
  const speeds = (turns: readonly Turns[]): Speeds => ({
    ratio: speedRatio(turns),
    ours: spread(turns.map(({ ours_s }) => tokens / ours_s)),
    theirs: spread(turns.map(({ theirs_s }) => tokens / theirs_s)),
  });
  const flops = size.flops_per_pass * size.passes_per_round;
  return {
    contest,
    ...speeds(rounds),
    ...(busy && busy.length > 0 && { busy: speeds(busy) }),
    ours_share: spread(rounds.map(({ ours_s, ceiling }) => flops / ours_s / ceiling)),
    theirs_share: spread(rounds.map(({ theirs_s, ceiling }) => flops / theirs_s / ceiling)),
    ceiling: spread(rounds.map(({ ceiling }) => ceiling)),
  };
}

/**
 * The contest that counts for a variant of Causeway and a mode of PyTorch: the one against the faster implementation,
 * which has the lowest ratio. Contests that failed or have no rounds yet are left out.
 */
export function hardest(size: SizeResult, variant: Variant, mode: Mode): Summary | undefined {
  return size.contests
    .filter((contest) => contest.mode === mode && contest.variant === variant)
    .filter(({ rounds, error }) => rounds.length > 0 && !error)
    .map((contest) => summarize(size, contest))
    .sort((a, b) => a.ratio.median - b.ratio.median)[0];
}

/** The fields that merging needs; the others are not checked. */
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
 * Reads a results file.
 *
 * @throws {Error} if it is missing, not a results file, or belongs to the other benchmark.
 */
export function readResults(path: string, benchmark: Benchmark): Results {
  let data: unknown;
  try {
    data = JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    throw new Error(`--from ${path}: ${(error as Error).message}`);
  }
  const { success, error } = results_schema.safeParse(data);
  if (!success) {
    throw new Error(`--from ${path} is not a results file: ${issueText(error.issues[0])}`);
  }
  const results = data as Results;
  if (results.benchmark !== benchmark) {
    throw new Error(
      `--from ${path} has results of bench:${results.benchmark}, not of bench:${benchmark}`,
    );
  }
  return results;
}

/** What must be equal in all runs, so that their numbers can be compared in one table. */
function conditions({ machine, settings }: Results): Record<string, unknown> {
  const { date: _, load_average_before: __, ...same } = machine;
  return { ...same, threads: settings.threads };
}

/**
 * Merges runs; of the same contest the last result counts.
 *
 * @throws {Error} if machine, versions, threads or passes per round differ.
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
  if ((earlier.workers ?? 0) !== (later.workers ?? 0)) {
    throw new Error(`the runs differ in Causeway's workers at ${later.size}`);
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

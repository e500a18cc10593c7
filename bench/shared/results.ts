/**
 * What a run of the training or evaluation benchmark measured; the JSON file holds a {@linkcode Results}.
 *
 * @module
 */
import type { Parts, Prepared } from "./contest.ts";
import type { Passes } from "../../core/model/mod.ts";
import type { Implementation, Mode, Variant } from "./options.ts";
import { type Round, speedRatio, type Spread, spread } from "./statistics.ts";

export interface Results {
  readonly benchmark: "train" | "evaluate";
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
  /** Matrix products of one pass (core/model/flops.ts). */
  readonly flops_per_pass: number;
  readonly passes_per_round: number;
  /** Whether all rounds of one side came after all of the other. */
  readonly one_at_a_time?: boolean;
  /** By variant. */
  readonly ours: Partial<Record<Variant, SideResult>>;
  readonly contests: Contest[];
}

/** What one process took, beside its speed. */
export interface SideResult {
  readonly start_up_s: number;
  readonly prepared: Prepared;
  /** Largest resident memory of the process over its whole life. */
  readonly peak_bytes?: number;
  /** Largest resident memory after the warm-up: the steady state. */
  readonly steady_peak_bytes?: number;
  readonly parts: Parts;
}

/** We against one implementation in one mode. */
export interface Contest {
  readonly mode: Mode;
  readonly implementation: Implementation;
  readonly variant: Variant;
  rounds: Round[];
  /** Rounds that were played again because the machine was not quiet. */
  repeated: number;
  theirs?: SideResult;
  /** Why there is no ratio. */
  error?: string;
}

/** A contest as the tables show it. */
export interface Summary {
  readonly contest: Contest;
  /** How many times as fast we are. */
  readonly ratio: Spread;
  /** Tokens/s. */
  readonly ours: Spread;
  readonly theirs: Spread;
  /** Rate of the step's matrix products over that of Gemm alone, in the same round. */
  readonly ours_share: Spread;
  readonly theirs_share: Spread;
  /** FLOP/s. */
  readonly ceiling: Spread;
}

export function summarize(size: SizeResult, contest: Contest): Summary {
  const { rounds } = contest;
  const tokens = size.rows * size.length * size.passes_per_round;
  const flops = size.flops_per_pass * size.passes_per_round;
  return {
    contest,
    ratio: speedRatio(rounds),
    ours: spread(rounds.map(({ ours_s }) => tokens / ours_s)),
    theirs: spread(rounds.map(({ theirs_s }) => tokens / theirs_s)),
    ours_share: spread(rounds.map(({ ours_s, ceiling }) => flops / ours_s / ceiling)),
    theirs_share: spread(rounds.map(({ theirs_s, ceiling }) => flops / theirs_s / ceiling)),
    ceiling: spread(rounds.map(({ ceiling }) => ceiling)),
  };
}

/**
 * The contest of a variant of ours and a mode of theirs that counts: the one against the faster implementation, that of the lowest ratio. Those that
 * failed, or have not begun while a run goes on, do not.
 */
export function hardest(size: SizeResult, variant: Variant, mode: Mode): Summary | undefined {
  return size.contests
    .filter((contest) => contest.mode === mode && contest.variant === variant)
    .filter(({ rounds, error }) => rounds.length > 0 && !error)
    .map((contest) => summarize(size, contest))
    .sort((a, b) => a.ratio.median - b.ratio.median)[0];
}

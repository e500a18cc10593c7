/**
 * A contest: Causeway's process and that of the other side take turns with equal work.
 *
 * @module
 */
import {
  type Disturbance,
  isQuiet,
  relativeDifference,
  type Round,
  type Turns,
} from "./measurements.ts";
import {
  type Child,
  cpuSeconds,
  machineCpuSeconds,
  peakMemory,
  resetPeakMemory,
} from "./processes.ts";

/** A process that is ready to be timed. */
export interface Side {
  readonly child: Child;
  /** Seconds until its libraries were loaded. */
  readonly start_up_s: number;
  readonly prepared: Prepared;
  /** Largest resident memory up to the end of the warm-up. */
  readonly warm_up_peak_bytes?: number;
}

/** Answer to the request `prepare`. */
export interface Prepared {
  /** Seconds to make model, weights and optimizer. */
  readonly build_s: number;
  /** Seconds of the first pass, which compiles graphs. */
  readonly first_pass_s: number;
  /** Loss of the first batch with the initial weights, and the gradient norm in training. */
  readonly first: Outcome;
  /** The same in float32 without compilation, if the mode differs from that. */
  readonly exact?: Outcome;
  /** Which of its optimizers the process chose as the faster one. */
  readonly optimizer?: string;
}

export interface Outcome {
  readonly loss: number;
  readonly grad_norm?: number;
}

/** Seconds of each pass by part; empty if a pass has no parts. */
export type Parts = Readonly<Record<string, readonly number[]>>;

/** Largest relative difference of loss and gradient norm between float32 and float32. */
const TOLERANCE = 2e-5;
/** The same if one side computes in bfloat16, which has 8 bits of precision. */
const BF16_TOLERANCE = 2e-2;

const WARM_UP_PASSES = 2;

/** Builds the model in a process, runs the first passes, and resets its peak memory. */
export async function prepare(
  { child, start_up_s }: { child: Child; start_up_s: number },
  workload: Record<string, unknown>,
): Promise<Side> {
  const prepared: Prepared = await child.request({ do: "prepare", ...workload });
  await child.request({ do: "passes", count: WARM_UP_PASSES });
  const warm_up_peak_bytes = peakMemory(child.pid);
  resetPeakMemory(child.pid);
  return { child, start_up_s, prepared, warm_up_peak_bytes };
}

/**
 * Checks that both sides computed the same; otherwise a ratio of their times means nothing.
 *
 * @throws {Error} naming what differs.
 */
export function checkAgreement(
  ours: Prepared,
  theirs: Prepared,
  { mode, variant }: { mode: string; variant: string },
): void {
  const exact = theirs.exact ?? theirs.first;
  const rounds = variant === "bfloat16";
  compare(ours.first, exact, rounds ? BF16_TOLERANCE : TOLERANCE, "");
  const tolerance = rounds || mode.endsWith("bf16") ? BF16_TOLERANCE : TOLERANCE;
  compare(ours.first, theirs.first, tolerance, ` in mode ${mode}`);
}

function compare(ours: Outcome, theirs: Outcome, tolerance: number, where: string): void {
  for (const key of ["loss", "grad_norm"] as const) {
    const a = ours[key], b = theirs[key];
    if (a === undefined && b === undefined) continue;
    if (!(relativeDifference(a ?? NaN, b ?? NaN) <= tolerance)) {
      throw new Error(
        `no ratio: ${key} of the same weights and batch is ${a} in Causeway and ${b} in the other side${where}; ` +
          `the relative difference exceeds ${tolerance}`,
      );
    }
  }
}

/**
 * Causeway's turn, then that of the other side. A turn starts when the waiting process is idle.
 *
 * @param passes per turn
 */
export async function playTurns(ours: Child, theirs: Child, passes: number): Promise<Turns> {
  const ours_turn = await takeTurn(ours, theirs, passes);
  const theirs_turn = await takeTurn(theirs, ours, passes);
  return {
    ours_s: ours_turn.seconds,
    theirs_s: theirs_turn.seconds,
    idle_ours: theirs_turn.idle,
    idle_theirs: ours_turn.idle,
    others: Math.max(ours_turn.others, theirs_turn.others),
  };
}

/** Measures the rate of Gemm alone, in FLOP/s. */
export type Ceiling = () => Promise<number>;

/** {@linkcode playTurns}, then the Gemm ceiling's turn. */
export async function playRound(
  { ours, theirs, ceiling }: { ours: Child; theirs: Child; ceiling: Ceiling },
  passes: number,
): Promise<Round> {
  const turns = await playTurns(ours, theirs, passes);
  await theirs.settle();
  return { ...turns, ceiling: await ceiling() };
}

/** A turn of one side while the other is not running, then the Gemm ceiling's. */
export interface SoloRound extends Disturbance {
  readonly seconds: number;
  /** FLOP/s */
  readonly ceiling: number;
}

/** For memory too small for both sides: the turn of one, then the Gemm ceiling's. */
export async function playAlone(
  child: Child,
  ceiling: Ceiling,
  passes: number,
): Promise<SoloRound> {
  const { seconds, others } = await takeTurn(child, undefined, passes);
  await child.settle();
  return { seconds, others, idle_ours: 0, idle_theirs: 0, ceiling: await ceiling() };
}

/** Pairs the rounds of two sides that played alone, in order; the ceiling is the mean of both. */
export function pairRounds(ours: readonly SoloRound[], theirs: readonly SoloRound[]): Round[] {
  return ours.slice(0, theirs.length).map((our_round, i) => ({
    ours_s: our_round.seconds,
    theirs_s: theirs[i].seconds,
    idle_ours: 0,
    idle_theirs: 0,
    others: Math.max(our_round.others, theirs[i].others),
    ceiling: (our_round.ceiling + theirs[i].ceiling) / 2,
  }));
}

/**
 * Plays rounds until `count` of them were quiet. A round in which something else was running is repeated, whatever its
 * result, at most `count` times in total; after that all rounds count.
 */
export async function playQuietRounds<T extends Disturbance>(
  count: number,
  play: () => Promise<T>,
): Promise<{ rounds: T[]; repeated: number }> {
  const quiet: T[] = [], disturbed: T[] = [];
  while (quiet.length < count && disturbed.length < count) {
    const round = await play();
    (isQuiet([round]) ? quiet : disturbed).push(round);
  }
  return quiet.length === count
    ? { rounds: quiet, repeated: disturbed.length }
    : { rounds: [...quiet, ...disturbed], repeated: 0 };
}

async function takeTurn(active: Child, waiting: Child | undefined, passes: number) {
  await waiting?.settle();
  const start = performance.now(), before = usage(active, waiting);
  const { seconds } = await active.request({ do: "passes", count: passes });
  const elapsed = (performance.now() - start) / 1000, after = usage(active, waiting);
  return {
    seconds: (seconds as number[]).reduce((a, b) => a + b),
    idle: (after.waiting - before.waiting) / elapsed,
    others: Math.max(0, after.others - before.others) / elapsed,
  };
}

/** CPU seconds so far of both sides and of everything else; 0 if unknown. */
function usage(active: Child, waiting: Child | undefined) {
  const used = {
    active: cpuSeconds(active.pid) ?? 0,
    waiting: (waiting && cpuSeconds(waiting.pid)) ?? 0,
  };
  return { ...used, others: (machineCpuSeconds() ?? 0) - used.active - used.waiting };
}

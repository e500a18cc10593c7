/**
 * The training phases that lead to the arms of a study. Arms that are identical up to a step share the phases up to it: a
 * phase trains on one mixture, between two steps at which an arm branches off or is fine-tuned.
 *
 * With a trunk at a constant rate each arm ends in a decay of its own:
 *
 *     trunk   ──────┬──────────────┬────────      constant rate, general data
 *     arm           └── mixture ───┼──╲           constant, then the decay before its end
 *     arm, stopped earlier         └╲
 *
 * @module
 */
import type { Arm } from "./arm.ts";

/** A training phase on one mixture. */
export interface PhasePlan {
  /** Step id. */
  readonly name: string;
  /** The previous phase; undefined for the first of the run. */
  readonly parent: string | undefined;
  readonly specialised: string;
  readonly weight: number;
  readonly from_step: number;
  readonly to_step: number;
  /** Steps of the decay that begins with this phase, if one does; else the schedule continues. */
  readonly decay_steps?: number;
}

/** Phases in order, each after its parent, and for each arm the names of those that lead to it. */
export interface Phases {
  readonly phases: readonly PhasePlan[];
  readonly paths: ReadonlyMap<string, readonly string[]>;
}

/** The shape of a run, in optimizer steps. */
export interface RunShape {
  readonly horizon_steps: number;
  /** Length of the decay that ends each arm; 0 where the trunk's own schedule falls. */
  readonly decay_steps: number;
  /** Steps of warm-up, which no decay may reach into. */
  readonly warmup_steps: number;
}

/** A part of an arm's run on one mixture and one piece of the schedule, which other arms may share. */
interface Stretch {
  /** Stretches of one track are the same training up to the end of the shorter one. */
  readonly track: string;
  /** The step at which a phase is named like its track; the others are `<track>_to_<step>`. */
  readonly named_at?: number;
  readonly specialised: string;
  readonly weight: number;
  readonly from_step: number;
  readonly to_step: number;
  readonly decay_steps?: number;
}

/**
 * The phases that lead to the arms, without duplicates.
 *
 * @throws {Error} when an arm ends before a warm-up and a decay fit.
 */
export function phasesOf(arms: readonly Arm[], shape: RunShape): Phases {
  const stretches = new Map(arms.map((arm) => [arm.name, stretchesOf(arm, arms, shape)]));
  const ends = Map.groupBy([...stretches.values()].flat(), ({ track }) => track);
  const phases = new Map<string, PhasePlan>();
  const paths = new Map<string, readonly string[]>();
  for (const arm of arms) {
    const pieces = stretches.get(arm.name)!.flatMap((stretch) => {
      return cut(stretch, ends.get(stretch.track)!.map(({ to_step }) => to_step));
    });
    pieces.forEach((piece, i) => {
      if (!phases.has(piece.name)) {
        phases.set(piece.name, { ...piece, parent: pieces[i - 1]?.name });
      }
    });
    paths.set(arm.name, pieces.map(({ name }) => name));
  }
  return { phases: [...phases.values()], paths };
}

/** An arm's run: general data, then its own mixture; the trunk's schedule, then the arm's decay. */
function stretchesOf(arm: Arm, arms: readonly Arm[], shape: RunShape): Stretch[] {
  const { specialised, weight } = arm;
  const { decay_steps } = shape;
  const stepOf = (share: number) => Math.round(share * shape.horizon_steps);
  const end = stepOf(arm.end), start = specialised ? stepOf(arm.start) : end;
  const decay = end - decay_steps;
  if (decay_steps > 0 && decay < Math.max(1, shape.warmup_steps)) refuseEnd(arm, end, shape);
  const whole = arms.find((other) => {
    return other.kind !== "along_run" && other.specialised === specialised &&
      other.weight === weight && other.start === arm.start;
  }) ?? arm;
  const general = { specialised: "", weight: 0 }, own = { specialised, weight };
  const falls = (from_step: number) => from_step === decay ? { decay_steps } : {};
  const stretches: Stretch[] = [
    { track: "trunk", ...general, from_step: 0, to_step: Math.min(start, decay) },
    {
      track: whole.name,
      ...(decay_steps === 0 && { named_at: stepOf(whole.end) }),
      ...own,
      from_step: start,
      to_step: decay,
    },
    {
      track: arm.reference, // the control that ends where the arm does
      named_at: end,
      ...general,
      from_step: decay,
      to_step: start,
      ...falls(decay),
    },
    {
      track: arm.name,
      named_at: end,
      ...own,
      from_step: Math.max(start, decay),
      to_step: end,
      ...falls(Math.max(start, decay)),
    },
  ];
  return stretches.filter(({ from_step, to_step }) => from_step < to_step);
}

function refuseEnd({ name }: Arm, end: number, { warmup_steps, decay_steps }: RunShape): never {
  throw new Error(
    `arm "${name}" ends at step ${end}, which has no room for ${warmup_steps} steps of warm-up and ${decay_steps} of ` +
      "decay; leave it out of along_run.at, or lower trunk.decay_share",
  );
}

/** Cuts a stretch at the steps at which others on its track end. */
function cut(stretch: Stretch, ends: readonly number[]): Omit<PhasePlan, "parent">[] {
  const { track, named_at, decay_steps, from_step, to_step, specialised, weight } = stretch;
  const steps = [...new Set(ends)].filter((step) => step > from_step && step <= to_step)
    .sort((a, b) => a - b);
  return steps.map((to, i) => ({
    name: to === named_at ? track : `${track}_to_${to}`,
    specialised,
    weight,
    from_step: steps[i - 1] ?? from_step,
    to_step: to,
    ...(i === 0 && decay_steps !== undefined && { decay_steps }),
  }));
}

/** Optimizer steps of all phases together. */
export function totalSteps(phases: readonly PhasePlan[]): number {
  return phases.reduce((sum, { from_step, to_step }) => sum + to_step - from_step, 0);
}

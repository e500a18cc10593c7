/**
 * Exposure: start and weight together decide how much specialised data an arm sees, so an effect of the start can be
 * estimated at equal weight, or at equal specialised tokens.
 *
 * @module
 */
import { gridArms } from "./effects.ts";
import type { ArmRow, StudyMeasurements } from "./inputs.ts";

/** Specialised tokens within this share of each other count as equal: batches are whole, so they cannot match exactly. */
const TOLERANCE = 0.02;

/** Whether two arms saw equally many specialised tokens. */
export function sameTokens(a: ArmRow, b: ArmRow): boolean {
  const larger = Math.max(a.specialised_tokens, b.specialised_tokens);
  return Math.abs(a.specialised_tokens - b.specialised_tokens) <= TOLERANCE * larger;
}

/** Arms with different starts, all else that the estimand keeps equal being equal. */
export interface ExposureLine {
  readonly estimand: "equal weight" | "equal specialised tokens";
  readonly arms: readonly ArmRow[];
}

const byStart = (arms: readonly ArmRow[]) => arms.toSorted((a, b) => a.start - b.start);
const startsOf = (arms: readonly ArmRow[]) => new Set(arms.map(({ start }) => start)).size;

/**
 * The longest line of each estimand among the arms of the grid's source; one with fewer than two starts is left out. Mixing
 * from step 0 is the earliest start at equal tokens.
 */
export function exposureLines(all: StudyMeasurements): ExposureLine[] {
  const arms = gridArms(all);
  const same_weight = arms.map(({ weight }) => {
    return arms.filter((other) => Math.abs(other.weight - weight) < 1e-9);
  });
  const pool = [...arms, ...fromScratch(all, arms[0]?.specialised)];
  const same_tokens = pool.map((arm) => pool.filter((other) => sameTokens(arm, other)));
  const longest = (lines: readonly ArmRow[][]) =>
    lines.reduce<ArmRow[]>((a, b) => startsOf(b) > startsOf(a) ? b : a, []);
  const lines: ExposureLine[] = [
    { estimand: "equal weight", arms: byStart(longest(same_weight)) },
    { estimand: "equal specialised tokens", arms: byStart(longest(same_tokens)) },
  ];
  return lines.filter(({ arms }) => startsOf(arms) > 1);
}

function fromScratch({ arms }: StudyMeasurements, specialised: string | undefined): ArmRow[] {
  return arms.filter((arm) => arm.kind === "from_scratch" && arm.specialised === specialised);
}

/**
 * Differences between arms with their intervals: what tables show and verdicts go by.
 *
 * @module
 */
import { pairedDifference } from "../../core/analysis/mod.ts";
import type { StudyMeasurements } from "./read.ts";

export type ArmRow = StudyMeasurements["arms"][number];
export type ComparisonRow = StudyMeasurements["comparison"][number];

/** A difference in nats per token; below 0 speaks for what is claimed. */
export interface Effect {
  readonly label: string;
  readonly difference: number;
  readonly ci_low: number;
  readonly ci_high: number;
}

/** The row of an arm on a source after fine-tuning on a target. */
export function findComparison(
  all: StudyMeasurements,
  arm: string,
  target: string,
  source: string,
): ComparisonRow | undefined {
  return all.comparison.find((row) => {
    return row.arm === arm && row.target === target && row.source === source;
  });
}

/** Losses after fine-tuning by seed. */
export function lossesBySeed(
  all: StudyMeasurements,
  arm: string,
  target: string,
  source: string,
): Map<number, number> {
  const rows = all.runs.filter((row) => {
    return row.arm === arm && row.target === target && row.source === source;
  });
  return new Map(rows.map(({ seed, loss_after }) => [seed, loss_after]));
}

/** Loss of arm `a` minus that of arm `b` after fine-tuning, paired by seed; undefined where they share none. */
export function differenceBetween(
  all: StudyMeasurements,
  [a, b]: readonly [string, string],
  target: string,
  source: string,
): Effect | undefined {
  const [of_a, of_b] = [a, b].map((arm) => lossesBySeed(all, arm, target, source));
  const seeds = [...of_a.keys()].filter((seed) => of_b.has(seed));
  if (seeds.length === 0) return undefined;
  const [x, y] = [of_a, of_b].map((losses) => seeds.map((seed) => losses.get(seed)!));
  const { difference, ci_low, ci_high } = pairedDifference(x, y);
  return { label: `${labelOf(all, a)} - ${labelOf(all, b)}`, difference, ci_low, ci_high };
}

export function labelOf(all: StudyMeasurements, arm: string): string {
  return all.arms.find((row) => row.arm === arm)?.label ?? arm;
}

/** The control, and the arms of its mixtures. */
export function mainArms(all: StudyMeasurements): ArmRow[] {
  return all.arms.filter(({ kind }) => kind === "control" || kind === "midtrain");
}

/** The main arm of a specialised source. */
export function mainArm(all: StudyMeasurements, specialised: string): ArmRow | undefined {
  return all.arms.find((row) => row.kind === "midtrain" && row.specialised === specialised);
}

/** Arms of the grid: those of one specialised source that run to the end, where there are ablations of it. */
export function gridArms(all: StudyMeasurements): ArmRow[] {
  const ablation = all.arms.find(({ kind }) => kind === "ablation");
  if (!ablation) return [];
  return all.arms.filter(({ kind, specialised }) => {
    return (kind === "ablation" || kind === "midtrain") && specialised === ablation.specialised;
  });
}

/**
 * Differences between arms with their intervals: what tables show and verdicts go by.
 *
 * @module
 */
import { pairedDifference } from "../../core/analysis/mod.ts";
import type { StudyReportConfig } from "./config.ts";
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

/** Arms whose losses are added, and those whose losses are taken off. */
export interface Contrast {
  readonly label: string;
  readonly plus: readonly string[];
  readonly minus: readonly string[];
}

/** A contrast of losses after fine-tuning, paired by the seeds that all its arms share; undefined where they share none. */
export function contrast(
  all: StudyMeasurements,
  { label, plus, minus }: Contrast,
  target: string,
  source: string,
): Effect | undefined {
  const sides = [plus, minus].map((arms) =>
    arms.map((arm) => lossesBySeed(all, arm, target, source))
  );
  const every = sides.flat();
  const seeds = [...every[0].keys()].filter((seed) => every.every((losses) => losses.has(seed)));
  if (seeds.length === 0) return undefined;
  const [x, y] = sides.map((side) =>
    seeds.map((seed) => side.reduce((sum, losses) => sum + losses.get(seed)!, 0))
  );
  const { difference, ci_low, ci_high } = pairedDifference(x, y);
  return { label, difference, ci_low, ci_high };
}

/** Loss of arm `a` minus that of arm `b`, as a contrast. */
export function differenceBetween(
  all: StudyMeasurements,
  [a, b]: readonly [string, string],
  target: string,
  source: string,
): Effect | undefined {
  const label = `${labelOf(all, a)} - ${labelOf(all, b)}`;
  return contrast(all, { label, plus: [a], minus: [b] }, target, source);
}

/** An arm against its reference, and how much that is of the reference's loss. */
export interface MatchedEffect extends Effect {
  readonly specialised: string;
  readonly relative: number;
  readonly reference_loss: number;
}

/** Main arm against its reference on a held-out source, for every matched pair. */
export function matchedEffects(
  config: StudyReportConfig,
  all: StudyMeasurements,
  sourceOf: (target: string) => string,
): MatchedEffect[] {
  return config.matched.flatMap(({ specialised, target }) => {
    const arm = mainArm(all, specialised);
    const row = arm && findComparison(all, arm.arm, target, sourceOf(target));
    if (!row || !Number.isFinite(row.difference)) return [];
    const { difference, ci_low, ci_high, relative_improvement: relative } = row;
    const reference_loss = row.loss_after - difference;
    const label = `${arm.label}, ${targetLabel(config, target)}`;
    return [{ label, specialised, difference, ci_low, ci_high, relative, reference_loss }];
  });
}

/** The target that an arm's source is meant for. */
export function matchedTarget(
  { matched }: StudyReportConfig,
  arm: ArmRow | undefined,
): string | undefined {
  return matched.find(({ specialised }) => specialised === arm?.specialised)?.target;
}

/** The earliest and the latest start with several weights, with the arms of the weights that both have, by weight. */
export function weightsByStart(all: StudyMeasurements, target: string) {
  const points = gridArms(all).flatMap(({ arm, start, weight }) => {
    const row = findComparison(all, arm, target, target);
    return row ? [{ arm, start, weight, loss: row.loss_after }] : [];
  });
  const starts = [...Map.groupBy(points, ({ start }) => start).values()]
    .filter((group) => group.length > 1).sort(([a], [b]) => a.start - b.start);
  if (starts.length < 2) return undefined;
  const ends = [starts[0], starts.at(-1)!];
  const shared = ends.map((group, i) => ({
    start: group[0].start,
    arms: group.filter(({ weight }) => ends[1 - i].some((other) => other.weight === weight))
      .sort((a, b) => a.weight - b.weight),
  }));
  return shared[0].arms.length > 1 ? shared : undefined;
}

export function labelOf(all: StudyMeasurements, arm: string): string {
  return all.arms.find((row) => row.arm === arm)?.label ?? arm;
}

/** A target's name for readers. */
export function targetLabel({ targets }: StudyReportConfig, target: string): string {
  return targets.find(({ name }) => name === target)?.label ?? target;
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

/**
 * Look-ups of arms and of their rows in the comparison, which tables show and verdicts are based on.
 *
 * @module
 */
import type { ArmRow, ComparisonRow, StudyMeasurements, StudyReportConfig } from "./inputs.ts";

/** A row of an arm that was compared with its reference. */
export type ComparedRow = ComparisonRow & {
  readonly difference: number;
  readonly relative_improvement: number;
};

export function isCompared(row: ComparisonRow | undefined): row is ComparedRow {
  return row !== undefined && row.difference !== null;
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

/** Rows of arms on a source after fine-tuning on a target, without those that were not measured. */
export function comparisonRows<A extends { readonly arm: string }>(
  all: StudyMeasurements,
  arms: readonly A[],
  [target, source]: readonly [string, string],
): (ComparisonRow & A)[] {
  return arms.flatMap((arm) => {
    const row = findComparison(all, arm.arm, target, source);
    return row ? [{ ...row, ...arm }] : [];
  });
}

/** Rows of arms after fine-tuning on a target: on the target's own text, and on general text. */
export interface OnBothSources<R> {
  /** The target's label. */
  readonly target: string;
  readonly in_domain: readonly R[];
  readonly general: readonly R[];
}

/** As {@link comparisonRows}, on the target's own text and on general text. */
export function onBothSources<A extends { readonly arm: string }>(
  config: StudyReportConfig,
  all: StudyMeasurements,
  arms: readonly A[],
  target: string,
): OnBothSources<ComparisonRow & A> {
  return {
    target: targetLabel(config, target),
    in_domain: comparisonRows(all, arms, [target, target]),
    general: comparisonRows(all, arms, [target, config.general]),
  };
}

/** As {@link onBothSources}, only the rows that were compared with a reference. */
export function comparedOnBoth<A extends { readonly arm: string }>(
  ...given: Parameters<typeof onBothSources<A>>
): OnBothSources<ComparedRow & A> {
  const { target, in_domain, general } = onBothSources(...given);
  const compared = (row: ComparisonRow & A): row is ComparedRow & A => isCompared(row);
  return { target, in_domain: in_domain.filter(compared), general: general.filter(compared) };
}

/** Titles and rows of the two panels for both sources; a source without rows has none. */
export function bothPanels<R>(
  config: StudyReportConfig,
  { target, in_domain, general }: OnBothSources<R>,
): { title: string; rows: readonly R[] }[] {
  return [
    { title: target, rows: in_domain },
    { title: `${config.general}, after ${target}`, rows: general },
  ].filter(({ rows }) => rows.length > 0);
}

/** The main arm of a pair of the config, on the target that its source is meant for. */
export interface MatchedArm {
  readonly arm: ArmRow;
  readonly target: string;
  /** "code 20% from 10%, Pycode". */
  readonly label: string;
}

/** The main arm of every matched pair, in the order of the config. */
export function matchedArms(config: StudyReportConfig, all: StudyMeasurements): MatchedArm[] {
  return config.matched.flatMap(({ specialised, target }) => {
    const arm = mainArm(all, specialised);
    return arm ? [{ arm, target, label: `${arm.label}, ${targetLabel(config, target)}` }] : [];
  });
}

/** As {@link matchedArms}, only sources far from general data. */
export function distantArms(config: StudyReportConfig, all: StudyMeasurements): MatchedArm[] {
  return matchedArms(config, all)
    .filter(({ arm }) => config.distant.includes(arm.specialised));
}

/** The target that an arm's specialised source is meant for. */
export function matchedTarget(
  { matched }: StudyReportConfig,
  arm: ArmRow | undefined,
): string | undefined {
  return matched.find(({ specialised }) => specialised === arm?.specialised)?.target;
}

/** The earliest and the latest start that have several weights, each with its arms of the weights that both have. */
export function weightsByStart(all: StudyMeasurements, target: string) {
  const points = crossedArms(gridArms(all)).flatMap(({ arm, start, weight }) => {
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

/** An arm's label. */
export function labelOf(all: StudyMeasurements, arm: string): string {
  return all.arms.find((row) => row.arm === arm)?.label ?? arm;
}

/** A target's label. */
export function targetLabel({ targets }: StudyReportConfig, target: string): string {
  return targets.find(({ name }) => name === target)?.label ?? target;
}

/** The control and the main arm of each mixture. */
export function mainArms(all: StudyMeasurements): ArmRow[] {
  return all.arms.filter(({ kind }) => kind === "control" || kind === "midtrain");
}

/** The main arm of a specialised source. */
export function mainArm(all: StudyMeasurements, specialised: string): ArmRow | undefined {
  return all.arms.find((row) => row.kind === "midtrain" && row.specialised === specialised);
}

/** Arms of the grid of starts and weights: main arm and ablations of the first source that has ablations. */
export function gridArms(all: StudyMeasurements): ArmRow[] {
  const ablation = all.arms.find(({ kind }) => kind === "ablation");
  if (!ablation) return [];
  return all.arms.filter(({ kind, specialised }) => {
    return (kind === "ablation" || kind === "midtrain") && specialised === ablation.specialised;
  });
}

/**
 * Arms whose weight several starts have: those that cross starts with weights. Weights that each belong to one start, at equal
 * specialised tokens, are the section of exposure's; they are kept here if there are no others.
 */
export function crossedArms(arms: readonly ArmRow[]): readonly ArmRow[] {
  const shared = arms.filter(({ weight }) => {
    return arms.filter((other) => Math.abs(other.weight - weight) < 1e-9).length > 1;
  });
  return shared.length > 1 ? shared : arms;
}

/**
 * Cells, tables and notes of captions that several sections use.
 *
 * @module
 */
import { isBelow } from "@causeway/core/analysis";
import {
  decimals,
  interval,
  type ShownCell,
  type ShownTable,
  shownTable,
  signed,
  type TableFile,
  tableFile,
} from "@causeway/core/report";
import { study_ports } from "@causeway/core/stage";
import { differenceBetween, type Effect, findComparison, matchedTarget } from "./effects.ts";
import type { ArmRow, ComparisonRow, StudyMeasurements, StudyReportConfig } from "./inputs.ts";

/** "2.345 ± 0.012": mean and standard deviation over seeds. */
export function meanCell(
  { loss_after, sd_after }: Pick<ComparisonRow, "loss_after" | "sd_after">,
): string {
  return sd_after !== null
    ? `${decimals(loss_after)} ± ${decimals(sd_after)}`
    : decimals(loss_after);
}

/** Ends of the bar of one standard deviation around the mean; none for a single seed. */
export function deviationBar(
  { loss_after, sd_after }: Pick<ComparisonRow, "loss_after" | "sd_after">,
): { low?: number; high?: number } {
  return sd_after === null ? {} : { low: loss_after - sd_after, high: loss_after + sd_after };
}

/** "-0.034 [-0.051, -0.017]". */
export function effectCell(
  effect: Pick<ComparisonRow, "difference" | "ci_low" | "ci_high"> | undefined,
): string {
  if (!effect || effect.difference === null) return "";
  return `${signed(effect.difference)} ${interval(effect.ci_low, effect.ci_high, signed)}`.trim();
}

/** The arm with the lowest mean over seeds, and whether it differs from the second lowest. */
export interface Best {
  readonly arm: string;
  /** Paired difference from the second lowest; undefined if they share no seed. */
  readonly effect?: Effect;
  /** Whether the interval of that difference is below 0. */
  readonly separable: boolean;
}

/** The best of several arms on a source; undefined if fewer than two were measured. */
export function bestArm(
  all: StudyMeasurements,
  arms: readonly ArmRow[],
  target: string,
  source: string,
): Best | undefined {
  const ranked = arms.flatMap(({ arm }) => findComparison(all, arm, target, source) ?? [])
    .sort((a, b) => a.loss_after - b.loss_after);
  if (ranked.length < 2) return undefined;
  const [{ arm }, second] = ranked;
  const effect = differenceBetween(all, [arm, second.arm], target, source);
  return { arm, effect, separable: effect !== undefined && isBelow(effect, 0) };
}

/**
 * Loss after fine-tuning by arm and target, with the difference from the reference as a note; the last row has the
 * difference between the lowest and the second lowest.
 *
 * @param sourceOf the held-out source for each target.
 */
export function lossTable(
  caption: string,
  { targets }: StudyReportConfig,
  all: StudyMeasurements,
  arms: readonly ArmRow[],
  sourceOf: (target: string) => string,
): ShownTable {
  const shown = targets.filter(({ name }) => {
    return arms.some(({ arm }) => findComparison(all, arm, name, sourceOf(name)));
  });
  const columns = shown.map(({ name, label }) => {
    const source = sourceOf(name);
    const best = bestArm(all, arms, name, source);
    const cell = (row: ArmRow | Lowest): ShownCell => {
      if (!("arm" in row)) return bestCell(best);
      const measured = findComparison(all, row.arm, name, source);
      return measured ? lossCell(measured, best) : "";
    };
    return [`#${label}`, cell] as const;
  });
  return shownTable(caption, [...arms, LOWEST], {
    arm: ({ label }) => label,
    ...Object.fromEntries(columns),
  });
}

/** The last row. */
interface Lowest {
  readonly label: string;
}
const LOWEST: Lowest = { label: "lowest − second lowest" };

/** The lowest is bold only if it has a standard deviation: a single seed is no evidence. */
function lossCell(row: ComparisonRow, best: Best | undefined): ShownCell {
  const lowest = best?.arm === row.arm;
  const star = lowest && best.separable ? " *" : "";
  const strong = lowest && row.sd_after !== null;
  return { text: `${meanCell(row)}${star}`, strong, note: effectCell(row) };
}

function bestCell(best: Best | undefined): ShownCell {
  if (!best?.effect) return "";
  return { text: best.separable ? "separable *" : "not separable", note: effectCell(best.effect) };
}

/** Start, weight and comparison of arms, for download. */
export function armsFile(
  name: string,
  all: StudyMeasurements,
  arms: readonly ArmRow[],
  measured: (row: ComparisonRow) => boolean,
): TableFile {
  const { weight, start, end } = study_ports.study_arms.columns;
  const columns = { ...study_ports.study_comparison.columns, weight, start, end };
  const rows = arms.flatMap(({ arm, weight, start, end }) =>
    all.comparison.filter((row) => row.arm === arm && measured(row))
      .map((row) => ({ ...row, weight, start, end }))
  );
  return tableFile(name, { columns }, rows);
}

/** A row for each arm: loss in domain and on general data, with the difference from its reference as a note. */
export function armsTable(
  name: string,
  caption: string,
  config: StudyReportConfig,
  all: StudyMeasurements,
  arms: readonly ArmRow[],
): ShownTable {
  const { general } = config;
  // Controls have no matched target; they are shown on that of the other arms.
  const of_others = arms.map((arm) => matchedTarget(config, arm)).find(Boolean)!;
  const targetOf = (arm: ArmRow) => matchedTarget(config, arm) ?? of_others;
  const cell = (sourceOf: (target: string) => string) => (arm: ArmRow): ShownCell => {
    const row = findComparison(all, arm.arm, targetOf(arm), sourceOf(targetOf(arm)));
    return row ? { text: meanCell(row), note: effectCell(row) } : "";
  };
  const shown = ({ arm, target, source }: ComparisonRow) =>
    target === targetOf(arms.find((each) => each.arm === arm)!) &&
    (source === target || source === general);
  return shownTable(caption, arms, {
    arm: ({ label }) => label,
    "#in domain": cell((target) => target),
    [`#${general}`]: cell(() => general),
  }, armsFile(name, all, arms, shown));
}

/** Explains bold, stars and intervals of {@link lossTable}. */
export const LOSS_NOTE =
  "Mean ± standard deviation over fine-tuning seeds, in nats per token; below it, arm − control paired by seed, with a 95% " +
  "interval. Bold: lowest mean. Star: the interval of its paired difference from the second lowest (last row) is below 0; " +
  "without a star the two are not separable.";

/** "3 seeds", "1 seed", "2 to 3 seeds". */
export function seedCount(rows: readonly { seeds: number }[]): string {
  const seeds = rows.map((row) => row.seeds);
  const [least, most] = [Math.min(...seeds), Math.max(...seeds)];
  const range = least === most ? `${least}` : `${least} to ${most}`;
  return `${range} ${most === 1 ? "seed" : "seeds"}`;
}

/** Explains bars of standard deviations, or why there are none. */
export function deviationNote(rows: readonly { seeds: number }[]): string {
  if (Math.max(...rows.map(({ seeds }) => seeds)) < 2) return "One seed: no standard deviations. ";
  return `Points: means over ${seedCount(rows)}; bars: ± one standard deviation. `;
}

/** Explains bars of differences, or why there are none. */
export function differenceNote(rows: readonly { seeds: number }[]): string {
  if (Math.max(...rows.map(({ seeds }) => seeds)) < 2) return "One seed: no intervals. ";
  return `Points: mean differences paired by fine-tuning seed, ${
    seedCount(rows)
  }; bars: their confidence intervals ` +
    "(Student's t, 95% by default). ";
}

/** Says that axes differ, if there are several panels. */
export function scalesNote(panels: number): string {
  return panels > 1 ? "Each panel has its own scale." : "";
}

/** Share of the run or of the tokens as a whole percentage. */
export function wholePercent(share: number): number {
  return Math.round(100 * share);
}

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
import { differenceBetween, type Effect } from "./contrasts.ts";
import { findComparison, matchedTarget } from "./effects.ts";
import type { ArmRow, ComparisonRow, StudyMeasurements, StudyReportConfig } from "./inputs.ts";

/** Measured deviation of a mean loss. */
type Deviation = Pick<
  ComparisonRow,
  "loss_after" | "sd_after" | "sd_trunks" | "sd_seeds" | "seeds" | "trunks"
>;

/**
 * Standard deviation over trunks, of their means over `seeds` fine-tuning seeds: √(sd_trunks² + sd_seeds² / seeds). With one
 * trunk, or one seed in each, the standard deviation over all runs; null for a single run.
 */
export function deviationOf(
  { trunks, seeds, sd_trunks, sd_seeds, sd_after }: Deviation,
): number | null {
  if (trunks < 2 || sd_trunks === null || sd_seeds === null) return sd_after;
  return Math.hypot(sd_trunks, sd_seeds / Math.sqrt(seeds));
}

/** "2.345 ± 0.012": mean and standard deviation. */
export function meanCell(row: Deviation): string {
  const sd = deviationOf(row);
  return sd !== null ? `${decimals(row.loss_after)} ± ${decimals(sd)}` : decimals(row.loss_after);
}

/** Ends of the bar of one standard deviation around the mean; none for a single run. */
export function deviationBar(row: Deviation): { low?: number; high?: number } {
  const sd = deviationOf(row);
  return sd === null ? {} : { low: row.loss_after - sd, high: row.loss_after + sd };
}

/** "-0.034 [-0.051, -0.017]". */
export function effectCell(
  effect: Pick<ComparisonRow, "difference" | "ci_low" | "ci_high"> | undefined,
): string {
  if (!effect || effect.difference === null) return "";
  return `${signed(effect.difference)} ${interval(effect.ci_low, effect.ci_high, signed)}`.trim();
}

/** As {@link effectCell}, with a second line for the interval that also has the held-out documents' variance. */
export function differenceNoteOf(row: ComparisonRow): string {
  const { ci_documents_low: low, ci_documents_high: high } = row;
  const documents = interval(low, high, signed);
  return [effectCell(row), documents && `with documents ${documents}`].filter(Boolean).join("\n");
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
  const strong = lowest && deviationOf(row) !== null;
  return { text: `${meanCell(row)}${star}`, strong, note: differenceNoteOf(row) };
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
    return row ? { text: meanCell(row), note: differenceNoteOf(row) } : "";
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
export function lossNote(rows: readonly Repeated[]): string {
  return `Mean ± standard deviation ${
    over(rows)
  }, in nats per token; below it, arm − control with its 95% interval ` +
    `${
      over(rows)
    }, and the wider interval that also counts the variance of the held-out documents where it was measured. ` +
    "Bold: lowest mean. Star: the interval of its paired difference from the second lowest (last row) is below 0; without a " +
    "star the two are not separable.";
}

type Repeated = Pick<ComparisonRow, "seeds" | "trunks">;

/** "over trunks" or "over fine-tuning seeds". */
export function over(rows: readonly Repeated[]): string {
  return rows.some(({ trunks }) => trunks > 1) ? "over trunks" : "over fine-tuning seeds";
}

function range(numbers: readonly number[], what: string): string {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return `${least === most ? least : `${least} to ${most}`} ${what}${most === 1 ? "" : "s"}`;
}

/** "3 seeds", "1 seed", "3 trunks of 2 to 3 seeds". */
export function runCount(rows: readonly Repeated[]): string {
  const seeds = range(rows.map((row) => row.seeds), "seed");
  const trunks = rows.map((row) => row.trunks);
  return Math.max(...trunks) > 1 ? `${range(trunks, "trunk")} of ${seeds}` : seeds;
}

const single = (rows: readonly Repeated[]) =>
  rows.every(({ seeds, trunks }) => seeds < 2 && trunks < 2);

/** Explains bars of standard deviations, or why there are none. */
export function deviationNote(rows: readonly Repeated[]): string {
  if (single(rows)) return "One seed: no standard deviations. ";
  return `Points: means over ${runCount(rows)}; bars: ± one standard deviation ${over(rows)}. `;
}

/** Explains bars of differences, or why there are none. */
export function differenceNote(rows: readonly Repeated[]): string {
  if (single(rows)) return "One seed: no intervals. ";
  const paired = rows.some(({ trunks }) => trunks > 1) ? "trunk and seed" : "fine-tuning seed";
  return `Points: mean differences paired by ${paired}, ${
    runCount(rows)
  }; bars: their confidence intervals ` +
    `${over(rows)} (Student's t, 95% by default). `;
}

/** Says that axes differ, if there are several panels. */
export function scalesNote(panels: number): string {
  return panels > 1 ? "Each panel has its own scale." : "";
}

/** Share of the run or of the tokens as a whole percentage. */
export function wholePercent(share: number): number {
  return Math.round(100 * share);
}

/**
 * Cells and tables that several sections show.
 *
 * @module
 */
import {
  decimals,
  type ShownCell,
  type ShownTable,
  shownTable,
  signed,
  type TableFile,
  tableFile,
} from "../../core/report/mod.ts";
import { type Columns, study_ports } from "../../core/stage/mod.ts";
import type { StudyReportConfig } from "./config.ts";
import {
  type ArmRow,
  type ComparisonRow,
  differenceBetween,
  type Effect,
  findComparison,
} from "./effects.ts";
import type { StudyMeasurements } from "./read.ts";

/** "2.345 ± 0.012": mean and standard deviation over seeds. */
export function meanCell(
  { loss_after, sd_after }: { loss_after: number; sd_after: number },
): string {
  return Number.isFinite(sd_after)
    ? `${decimals(loss_after)} ± ${decimals(sd_after)}`
    : decimals(loss_after);
}

/** "-0.034 [-0.051, -0.017]". */
export function effectCell(effect: Omit<Effect, "label"> | undefined): string {
  if (!effect || !Number.isFinite(effect.difference)) return "";
  const { difference, ci_low, ci_high } = effect;
  if (!Number.isFinite(ci_low)) return signed(difference);
  return `${signed(difference)} [${signed(ci_low)}, ${signed(ci_high)}]`;
}

/** The arm with the lowest mean over seeds, and what tells it from the second lowest. */
export interface Best {
  readonly arm: string;
  /** Paired difference from the second lowest; undefined where they share no seed. */
  readonly effect?: Effect;
  /** Whether the interval of that difference lies below 0. */
  readonly separable: boolean;
}

/** Which of several arms is best on a source; undefined where fewer than two were measured. */
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
  return { arm, effect, separable: effect !== undefined && effect.ci_high < 0 };
}

/**
 * Loss after fine-tuning by arm and target, the difference from the reference under it, and below them how far the
 * lowest is from the second lowest.
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

/** Stands for the last row. */
interface Lowest {
  readonly label: string;
}
const LOWEST: Lowest = { label: "lowest - second lowest" };

/** Bold never stands without what it rests on: the lowest is bold where it has a deviation. */
function lossCell(row: ComparisonRow, best: Best | undefined): ShownCell {
  const lowest = best?.arm === row.arm;
  const star = lowest && best.separable ? " *" : "";
  const strong = lowest && Number.isFinite(row.sd_after);
  return { text: `${meanCell(row)}${star}`, strong, note: effectCell(row) };
}

function bestCell(best: Best | undefined): ShownCell {
  if (!best?.effect) return "";
  return { text: best.separable ? "separable *" : "not separable", note: effectCell(best.effect) };
}

/** Rows of several tables to be taken along, each with what its table was wired under. */
export function labelledFile(
  name: string,
  label: string,
  { columns }: { readonly columns: Columns },
  tables: Readonly<Record<string, readonly object[]>>,
): TableFile {
  const rows = Object.entries(tables).flatMap(([wired, of_table]) =>
    of_table.map((row) => ({ [label]: wired, ...row }))
  );
  // The column under `label` is known at run time only.
  return tableFile(name, { columns: { [label]: "utf8", ...columns } }, rows as never[]);
}

/** Arms with what they were made of, and what they reached, to be taken along. */
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

/** What bold and intervals mean. */
export const LOSS_NOTE =
  "Mean ± standard deviation over seeds of fine-tuning, in nats per token; under it arm minus control, paired by seed, " +
  "with an interval of 95%. Bold: the lowest mean. A star: the interval of its paired difference from the second lowest " +
  "(last row) lies below 0; without a star the two cannot be told apart.";

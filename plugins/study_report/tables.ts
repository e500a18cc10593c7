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
} from "../../core/report/mod.ts";
import type { StudyReportConfig } from "./config.ts";
import { type ArmRow, differenceBetween, type Effect, findComparison } from "./effects.ts";
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

/** The arm with the lowest mean, if it can be told from the second by the interval of their paired difference. */
export function separableBest(
  all: StudyMeasurements,
  arms: readonly ArmRow[],
  target: string,
  source: string,
): string | undefined {
  const ranked = arms.flatMap(({ arm }) => findComparison(all, arm, target, source) ?? [])
    .sort((a, b) => a.loss_after - b.loss_after);
  if (ranked.length < 2) return undefined;
  const effect = differenceBetween(all, [ranked[0].arm, ranked[1].arm], target, source);
  return effect && effect.ci_high < 0 ? ranked[0].arm : undefined;
}

/**
 * Loss after fine-tuning by arm and target, and the difference from the reference.
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
  const columns = shown.flatMap(({ name, label }) => {
    const source = sourceOf(name);
    const best = separableBest(all, arms, name, source);
    const loss = ({ arm }: ArmRow): ShownCell => {
      const row = findComparison(all, arm, name, source);
      if (!row) return "";
      const text = meanCell(row);
      return arm === best ? { text: `${text} *`, strong: true } : text;
    };
    const difference = ({ arm }: ArmRow) => effectCell(findComparison(all, arm, name, source));
    return [[`#${label}`, loss], [`#${label}, difference`, difference]] as const;
  });
  return shownTable(caption, arms, { arm: ({ label }) => label, ...Object.fromEntries(columns) });
}

/** What bold and intervals mean. */
export const LOSS_NOTE =
  "Mean ± standard deviation over seeds of fine-tuning, in nats per token. Differences are arm minus reference, paired " +
  "by seed, with an interval of 95%. Bold with a star: lower than the second best with an interval below 0; without a " +
  "star the best cannot be told from the second.";

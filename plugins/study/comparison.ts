/**
 * Arms compared with their reference, paired by the seed of fine-tuning.
 *
 * @module
 */
import { mean, pairedDifference, standardDeviation } from "../../core/analysis/mod.ts";
import type { Batch, study_ports } from "../../core/stage/mod.ts";
import type { Config } from "./config.ts";
import type { RunRow } from "./runs.ts";

type Columns = typeof study_ports.study_comparison.columns;

/** One arm on one held-out source, after fine-tuning on one target. */
export interface ComparisonRow {
  arm: string;
  target: string;
  source: string;
  reference: string;
  seeds: number;
  loss_before: number;
  loss_after: number;
  sd_after: number;
  difference: number;
  ci_low: number;
  ci_high: number;
  p: number;
  relative_improvement: number;
}

/**
 * Compares. Seeds that only one of the two was run with take no part in the difference.
 *
 * @throws {Error} when an arm and its reference have no seed in common on a target.
 */
export function compareRuns(
  { arms, confidence }: Config,
  rows: readonly RunRow[],
): ComparisonRow[] {
  const key = ({ arm, target, source }: Pick<RunRow, "arm" | "target" | "source">) =>
    JSON.stringify([arm, target, source]);
  const groups = Map.groupBy(rows, key);
  const reference_of = new Map(arms.map(({ name, reference }) => [name, reference]));
  return [...groups.values()].map((group) => {
    const [{ arm, target, source }] = group;
    const reference = reference_of.get(arm)!;
    const after = group.map(({ loss_after }) => loss_after);
    const row = {
      arm,
      target,
      source,
      reference,
      seeds: group.length,
      loss_before: mean(group.map(({ loss_before }) => loss_before)),
      loss_after: mean(after),
      sd_after: standardDeviation(after),
    };
    if (reference === arm) return { ...row, ...NOT_COMPARED };
    const others = groups.get(key({ arm: reference, target, source })) ?? [];
    return { ...row, ...differenceOf(group, others, confidence) };
  });
}

const NOT_COMPARED = {
  difference: NaN,
  ci_low: NaN,
  ci_high: NaN,
  p: NaN,
  relative_improvement: NaN,
};

function differenceOf(group: readonly RunRow[], others: readonly RunRow[], confidence: number) {
  const pairs = group.flatMap((run) => {
    const other = others.find(({ seed }) => seed === run.seed);
    return other ? [[run.loss_after, other.loss_after]] : [];
  });
  if (pairs.length === 0) {
    const [{ arm, target }] = group;
    throw new Error(`"${arm}" and its reference have no seed in common on "${target}"`);
  }
  const [own, reference] = [0, 1].map((side) => pairs.map((pair) => pair[side]));
  const { n: _, ...difference } = pairedDifference(own, reference, confidence);
  return { ...difference, relative_improvement: -difference.difference / mean(reference) };
}

/** The rows as a table. */
export function comparisonTable(rows: readonly ComparisonRow[]): Batch<Columns> {
  const texts = (name: "arm" | "target" | "source" | "reference") => rows.map((row) => row[name]);
  const numbers = (name: Exclude<keyof ComparisonRow, "arm" | "target" | "source" | "reference">) =>
    Float64Array.from(rows, (row) => row[name]);
  return {
    arm: texts("arm"),
    target: texts("target"),
    source: texts("source"),
    reference: texts("reference"),
    seeds: Int32Array.from(rows, ({ seeds }) => seeds),
    loss_before: numbers("loss_before"),
    loss_after: numbers("loss_after"),
    sd_after: numbers("sd_after"),
    difference: numbers("difference"),
    ci_low: numbers("ci_low"),
    ci_high: numbers("ci_high"),
    p: numbers("p"),
    relative_improvement: numbers("relative_improvement"),
  };
}

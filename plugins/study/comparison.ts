/**
 * What each fine-tuning run did to held-out losses, and arms compared with their reference, paired by fine-tuning seed.
 *
 * @module
 */
import { mean, NO_INTERVAL, pairedDifference, standardDeviation } from "@causeway/core/analysis";
import { type Row, rowsOf } from "@causeway/core/report";
import type { ports, study_ports, TableInput } from "@causeway/core/stage";
import type { Config } from "./config.ts";

type Validation = TableInput<typeof ports.validation_metrics.columns>;
type Training = TableInput<typeof ports.training_metrics.columns>;

/** One held-out source before and after one fine-tuning run. */
type RunRow = Row<typeof study_ports.study_runs.columns>;

/** One arm on one held-out source, after fine-tuning on one target. */
type ComparisonRow = Row<typeof study_ports.study_comparison.columns>;

/**
 * Reads the metrics of all runs: the first validation is before fine-tuning, the last one after it.
 *
 * @throws {Error} when a run's metrics are not wired, or it was not validated before its first step.
 */
export async function readRuns(
  { runs }: Config,
  validation: Readonly<Record<string, Validation>>,
  training: Readonly<Record<string, Training>>,
): Promise<RunRow[]> {
  const rows: RunRow[] = [];
  for (const { label, arm, target, seed } of runs) {
    const steps = await rowsOf(find(training, label, "training"));
    const learning_rate = steps.reduce((peak, row) => Math.max(peak, row.learning_rate), -Infinity);
    const measured = await rowsOf(find(validation, label, "validation"));
    for (const [source, of_source] of Map.groupBy(measured, (row) => row.source)) {
      const [before, after] = [of_source[0], of_source.at(-1)!];
      if (before.step !== 0) {
        throw new Error(
          `the first validation of run "${label}" on "${source}" is at step ${before.step}, not before the first ` +
            "step; wire the validation metrics of a fine-tuning phase",
        );
      }
      rows.push({
        arm,
        target,
        seed,
        learning_rate,
        source,
        loss_before: before.loss,
        loss_after: after.loss,
        bits_per_byte_before: before.bits_per_byte,
        bits_per_byte_after: after.bits_per_byte,
      });
    }
  }
  return rows;
}

function find<T>(inputs: Readonly<Record<string, T>>, label: string, port: string): T {
  const found = inputs[label];
  if (found) return found;
  throw new Error(`run "${label}" has no ${port} metrics: wire them under its label`);
}

/**
 * Compares every arm with its reference. Seeds that only one of the two has are left out of the difference.
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

const NOT_COMPARED = { difference: null, ...NO_INTERVAL, p: null, relative_improvement: null };

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

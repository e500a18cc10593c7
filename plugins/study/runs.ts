/**
 * What each fine-tuning run did to held-out losses.
 *
 * @module
 */
import { type Row, rowsOf } from "@causeway/core/report";
import type { ports, study_ports, TableInput } from "@causeway/core/stage";
import type { Config } from "./config.ts";

type Validation = TableInput<typeof ports.validation_metrics.columns>;
type Training = TableInput<typeof ports.training_metrics.columns>;

/** One held-out source before and after one fine-tuning run. */
export interface RunRow extends Row<typeof study_ports.study_runs.columns> {
  readonly label: string;
  /** Held-out tokens that it was measured on. */
  readonly tokens: number;
}

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
  for (const { label, arm, target, trunk, seed } of runs) {
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
        label,
        arm,
        target,
        trunk,
        seed,
        learning_rate,
        source,
        loss_before: before.loss,
        loss_after: after.loss,
        bits_per_byte_before: before.bits_per_byte,
        bits_per_byte_after: after.bits_per_byte,
        tokens: after.tokens,
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

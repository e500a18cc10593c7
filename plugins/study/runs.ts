/**
 * What each fine-tuning did: held-out losses before and after.
 *
 * @module
 */
import type { Batch, ports, TableInput } from "../../core/stage/mod.ts";
import type { Config } from "./config.ts";

type Validation = TableInput<typeof ports.validation_metrics.columns>;
type Training = TableInput<typeof ports.training_metrics.columns>;

/** A held-out source of one run, before and after. */
export interface RunRow {
  arm: string;
  target: string;
  seed: number;
  learning_rate: number;
  source: string;
  loss_before: number;
  loss_after: number;
  bits_per_byte_before: number;
  bits_per_byte_after: number;
}

/**
 * Reads the metrics of all runs: the first validation is that before fine-tuning, the last that after it.
 *
 * @throws {Error} when a run's metrics are not connected, or it was not measured before its first step.
 */
export async function readRuns(
  { runs }: Config,
  validation: Readonly<Record<string, Validation>>,
  training: Readonly<Record<string, Training>>,
): Promise<RunRow[]> {
  const rows: RunRow[] = [];
  for (const { label, arm, target, seed } of runs) {
    const learning_rate = await peakRate(find(training, label, "training"));
    const measured = await losses(find(validation, label, "validation"), label);
    for (const [source, { before, after }] of measured) {
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
  throw new Error(`the run "${label}" has no ${port} metrics: connect them under its label`);
}

async function peakRate(training: Training): Promise<number> {
  let peak = -Infinity;
  for await (const { learning_rate } of training.batches(["learning_rate"])) {
    for (const rate of learning_rate) peak = Math.max(peak, rate);
  }
  return peak;
}

interface Measured {
  step: number;
  loss: number;
  bits_per_byte: number;
}

async function losses(validation: Validation, label: string) {
  const measured = new Map<string, { before: Measured; after: Measured }>();
  for await (const batch of validation.batches()) {
    batch.source.forEach((source, i) => {
      const [step, loss, bits_per_byte] = [batch.step[i], batch.loss[i], batch.bits_per_byte[i]];
      const after = { step, loss, bits_per_byte };
      measured.set(source, { before: measured.get(source)?.before ?? after, after });
    });
  }
  for (const [source, { before }] of measured) {
    if (before.step !== 0) {
      throw new Error(
        `the run "${label}" was first measured on "${source}" at step ${before.step}: a fine-tuning phase is ` +
          "measured before its first step, and no other will do",
      );
    }
  }
  return measured;
}

/** The rows as a table. */
export function runsTable(rows: readonly RunRow[]): Batch<RunColumns> {
  const column = (name: NumericColumn) => Float64Array.from(rows, (row) => row[name]);
  return {
    arm: rows.map(({ arm }) => arm),
    target: rows.map(({ target }) => target),
    seed: Int32Array.from(rows, ({ seed }) => seed),
    learning_rate: column("learning_rate"),
    source: rows.map(({ source }) => source),
    loss_before: column("loss_before"),
    loss_after: column("loss_after"),
    bits_per_byte_before: column("bits_per_byte_before"),
    bits_per_byte_after: column("bits_per_byte_after"),
  };
}

type NumericColumn = Exclude<keyof RunRow, "arm" | "target" | "source">;
type RunColumns = typeof import("../../core/stage/mod.ts").study_ports.study_runs.columns;

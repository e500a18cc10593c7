/**
 * The numbers: the target's loss against what was forgotten, and losses of every source along a run.
 *
 * @module
 */
import { type Batch, batchOf, table } from "@causeway/core/stage";
import type { Chain, Tradeoff } from "./config.ts";

/** A loss of `ports.evaluation`. */
export interface Measured {
  readonly model: string;
  readonly source: string;
  readonly loss: number;
}

/** One row for each value of a setting: means over runs. `sd_…` are null for a single run. */
export const tradeoff_table = table({
  target: "utf8",
  label: "utf8",
  runs: "int32",
  target_loss: "float64",
  sd_target_loss: "nullable<float64>",
  forgetting: "float64",
  sd_forgetting: "nullable<float64>",
  /** 1 where no other value is better on one of both without being worse on the other. */
  efficient: "bool",
}, "loss on the target and forgetting by setting, means over runs, in nats per token");

/**
 * One row for each stage of a chain and each source. `change` is from the stage before, null for the first; `forgotten` is
 * the loss above the lowest that an earlier stage had reached, 0 where there is none above.
 */
export const retention_table = table({
  chain: "utf8",
  stage: "utf8",
  model: "utf8",
  source: "utf8",
  loss: "float64",
  change: "nullable<float64>",
  forgotten: "float64",
}, "loss of every source after every stage of a run, in nats per token");

export type TradeoffRow = {
  target: string;
  label: string;
  runs: number;
  target_loss: number;
  sd_target_loss: number | null;
  forgetting: number;
  sd_forgetting: number | null;
  efficient: boolean;
};

export type RetentionRow = {
  chain: string;
  stage: string;
  model: string;
  source: string;
  loss: number;
  change: number | null;
  forgotten: number;
};

/** Loss on the target, and rise of the loss on the general source, of a single run. */
export interface Run {
  readonly label: string;
  readonly model: string;
  readonly target_loss: number;
  readonly forgetting: number;
}

/** Losses by model and source. */
export class Losses {
  readonly #of = new Map<string, number>();
  readonly sources: readonly string[];

  constructor(rows: readonly Measured[]) {
    for (const { model, source, loss } of rows) this.#of.set(key(model, source), loss);
    this.sources = [...new Set(rows.map(({ source }) => source))];
  }

  /** @throws {Error} naming the model and the source when the loss was not measured. */
  get(model: string, source: string): number {
    const loss = this.#of.get(key(model, source));
    if (loss !== undefined) return loss;
    throw new Error(
      `no loss of model "${model}" on source "${source}"; evaluate it, or correct the config`,
    );
  }

  /** Sources on which all of these models were measured. */
  common(models: readonly string[]): string[] {
    return this.sources.filter((source) =>
      models.every((model) => this.#of.has(key(model, source)))
    );
  }
}

const key = (model: string, source: string) => JSON.stringify([model, source]);

/** Every run of a comparison. */
export function runsOf({ target, general, points }: Tradeoff, losses: Losses): Run[] {
  return points.map(({ label, model, before }) => ({
    label,
    model,
    target_loss: losses.get(model, target),
    forgetting: losses.get(model, general) - losses.get(before, general),
  }));
}

/** Means over the runs of each label, in the order of the config. */
export function tradeoffRows({ target }: Tradeoff, runs: readonly Run[]): TradeoffRow[] {
  const rows = [...Map.groupBy(runs, ({ label }) => label)].map(([label, of_label]) => {
    const [loss, forgetting] = [
      of_label.map((run) => run.target_loss),
      of_label.map((run) => run.forgetting),
    ];
    return {
      target,
      label,
      runs: of_label.length,
      target_loss: mean(loss),
      sd_target_loss: deviation(loss),
      forgetting: mean(forgetting),
      sd_forgetting: deviation(forgetting),
    };
  });
  return rows.map((row) => ({ ...row, efficient: !rows.some((other) => dominates(other, row)) }));
}

type Point = Pick<TradeoffRow, "target_loss" | "forgetting">;

/** Whether `a` is better than `b` on one of both, and worse on neither. */
function dominates(a: Point, b: Point): boolean {
  if (a.target_loss > b.target_loss || a.forgetting > b.forgetting) return false;
  return a.target_loss < b.target_loss || a.forgetting < b.forgetting;
}

/** A run's losses after each stage, by stage and source. */
export function retentionRows({ label, models }: Chain, losses: Losses): RetentionRow[] {
  const sources = losses.common(models.map(({ model }) => model));
  if (sources.length === 0) {
    throw new Error(
      `the models of "${label}" have no source in common on which all were evaluated`,
    );
  }
  return models.flatMap(({ label: stage, model }, i) =>
    sources.map((source) => {
      const before = models.slice(0, i).map((earlier) => losses.get(earlier.model, source));
      const loss = losses.get(model, source);
      return {
        chain: label,
        stage,
        model,
        source,
        loss,
        change: before.length === 0 ? null : loss - before.at(-1)!,
        forgotten: Math.max(0, loss - Math.min(loss, ...before)),
      };
    })
  );
}

export function tradeoffBatch(rows: readonly TradeoffRow[]): Batch<typeof tradeoff_table.columns> {
  return batchOf(tradeoff_table, rows);
}

export function retentionBatch(
  rows: readonly RetentionRow[],
): Batch<typeof retention_table.columns> {
  return batchOf(retention_table, rows);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation of a sample; null for one value. */
function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - center) ** 2, 0) / (values.length - 1));
}

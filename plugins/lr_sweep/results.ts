/**
 * What a sweep found.
 *
 * @module
 */
import { files, type Outputs, ports, study_ports } from "../../core/stage/mod.ts";
import { type ChartRow, drawChart } from "./chart.ts";
import type { Losses } from "./progress.ts";

/** Ports of a sweep's results. */
export const outputs = {
  losses: study_ports.learning_rate_losses,
  /** The target first. */
  best: ports.learning_rates,
  chart: files("chart", "lr_sweep.svg: held-out loss by learning rate"),
};

/**
 * Writes tables and chart.
 *
 * @param losses by source: first those before fine-tuning, then those at each rate.
 * @throws {Error} when training diverged at every rate.
 */
export async function writeResults(
  { outputs: to, log }: { outputs: Outputs<typeof outputs>; log(message: string): void },
  rates: readonly number[],
  [before, ...after]: readonly Losses[],
): Promise<void> {
  const rows = rates.flatMap((learning_rate, i) =>
    Object.entries(after[i]).map(([source, loss]) => ({ learning_rate, source, ...loss }))
  );
  const best = Object.keys(before).map((source) => lowest(rows, source));
  const { source, learning_rate } = best[0];
  log(`best peak_lr on ${source}: ${learning_rate}${edge(learning_rate, rates)}`);
  await to.losses.write({
    learning_rate: Float64Array.from(rows, (row) => row.learning_rate),
    source: rows.map((row) => row.source),
    loss: Float64Array.from(rows, (row) => row.loss),
    tokens: Float64Array.from(rows, (row) => row.tokens),
  });
  await to.best.write({
    source: best.map((row) => row.source),
    learning_rate: Float64Array.from(best, (row) => row.learning_rate),
    loss: Float64Array.from(best, (row) => row.loss),
    loss_before: Float64Array.from(best, ({ source }) => before[source].loss),
  });
  await to.chart.write("lr_sweep.svg", await drawChart(rows, best));
}

/** A rate at the end of the grid may not be the best there is. */
function edge(rate: number, rates: readonly number[]): string {
  if (rates.length < 2 || (rate !== rates[0] && rate !== rates.at(-1))) return "";
  const [end, further] = rate === rates[0] ? ["lowest", "lower"] : ["highest", "higher"];
  return `, the ${end} that was tried: ${further} ones may be better`;
}

/** The row of a source with the lowest loss; of equal ones the one with the lowest rate. */
function lowest<R extends ChartRow>(rows: readonly R[], source: string): R {
  const finite = rows.filter((row) => row.source === source && Number.isFinite(row.loss));
  if (finite.length === 0) throw new Error("training diverged at every rate: lower the rates");
  return finite.reduce((best, row) => row.loss < best.loss ? row : best);
}

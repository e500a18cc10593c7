/**
 * Results of a sweep: tables of losses and best rates, and a chart.
 *
 * @module
 */
import { COLOURS, renderSvg } from "@causeway/core/report";
import { batchOf, files, type Outputs, ports, study_ports } from "@causeway/core/stage";
import type { Losses } from "./sweep.ts";

/** A measurement at a rate at which training did not diverge. */
interface ChartRow {
  learning_rate: number;
  source: string;
  loss: number;
}

/** Outputs of the stage. */
export const outputs = {
  losses: study_ports.learning_rate_losses,
  /** The target first. */
  best: ports.learning_rates,
  chart: files("chart", "lr_sweep.svg: held-out loss by learning rate"),
};

/**
 * Writes the tables and the chart.
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
  const finite = rows.flatMap(({ loss, ...row }) => loss === null ? [] : [{ ...row, loss }]);
  const best = Object.keys(before).map((source) => lowest(finite, source));
  const { source, learning_rate } = best[0];
  log(`best peak_lr on ${source}: ${learning_rate}${edge(learning_rate, rates)}`);
  await to.losses.write(batchOf(outputs.losses, rows));
  const with_before = best.map((row) => ({ ...row, loss_before: before[row.source].loss! }));
  await to.best.write(batchOf(outputs.best, with_before));
  await to.chart.write("lr_sweep.svg", await drawChart(finite, best));
}

/** Warns when the best rate is at an end of the grid, because the optimum may be outside. */
function edge(rate: number, rates: readonly number[]): string {
  if (rates.length < 2 || (rate !== rates[0] && rate !== rates.at(-1))) return "";
  const [end, further] = rate === rates[0] ? ["lowest", "lower"] : ["highest", "higher"];
  return `, the ${end} rate tried; ${further} ones may be better`;
}

/** The row of a source with the lowest loss; among equal ones the lowest rate. */
function lowest<R extends ChartRow>(rows: readonly R[], source: string): R {
  const own = rows.filter((row) => row.source === source);
  if (own.length === 0) throw new Error("training diverged at every rate; lower the rates");
  return own.reduce((best, row) => row.loss < best.loss ? row : best);
}

/** Held-out loss against learning rate as SVG; the lowest point of each source is marked by a dot. */
export async function drawChart(
  rows: readonly ChartRow[],
  best: readonly ChartRow[],
): Promise<string> {
  return await renderSvg(specOf(rows, best), 0.56);
}

function specOf(rows: readonly ChartRow[], best: readonly ChartRow[]): object {
  const rate = { field: "learning_rate", type: "quantitative", scale: { type: "log" } };
  const encoding = {
    x: { ...rate, title: "peak learning rate", axis: { format: ".0e" } },
    y: {
      field: "loss",
      type: "quantitative",
      scale: { zero: false },
      title: "held-out loss (nats)",
    },
    color: { field: "source", type: "nominal", scale: { range: COLOURS } },
  };
  return {
    background: "white",
    padding: 12,
    width: 520,
    height: 300,
    config: { font: "sans-serif", aria: false },
    title: "Held-out loss after fine-tuning, by peak learning rate",
    encoding,
    layer: [
      { data: { values: rows }, mark: "line" },
      { data: { values: best }, mark: { type: "point", size: 90, filled: true } },
    ],
  };
}

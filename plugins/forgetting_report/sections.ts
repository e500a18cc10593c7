/**
 * The page's sections: a figure of the trade-off, and a matrix of what a run forgets.
 *
 * @module
 */
import {
  decimals,
  type Figure,
  renderFigure,
  scatter,
  type Section,
  section,
  seriesStyles,
  type ShownCell,
  shownTable,
  signed,
} from "@causeway/core/report";
import type { Chain, Tradeoff } from "./config.ts";
import type { RetentionRow, Run, TradeoffRow } from "./results.ts";

/** Single runs in grey, means with their labels, joined in the order of the setting. */
export function tradeoffFigure(
  { target, general, setting }: Tradeoff,
  runs: readonly Run[],
  rows: readonly TradeoffRow[],
  name: string,
): Promise<Figure> {
  const mean = "mean";
  const several = rows.some((row) => row.runs > 1);
  const means = rows.map((row, order) => ({
    series: mean,
    text: row.label,
    x: row.forgetting,
    y: row.target_loss,
    open: !row.efficient,
    order,
  }));
  const single = several
    ? runs.map(({ forgetting, target_loss }) => {
      return { series: mean, text: "", x: forgetting, y: target_loss, faded: true, area: 30 };
    })
    : [];
  return renderFigure({
    name,
    title: `Loss on ${target} against forgetting of ${general}`,
    caption:
      `By ${setting}. Further left is less forgotten, further down is better on ${target}. ` +
      (several ? "Grey: single runs, one for each trunk. " : "") +
      "Filled: no other value is better on one without being worse on the other. In nats per token.",
    chart: scatter({
      points: [...single, ...means],
      styles: seriesStyles([mean]),
      x: `rise of the loss on ${general} in fine-tuning (nats/token)`,
      y: `loss on ${target} (nats/token)`,
      under: ({ x, y }) => [{
        data: { values: means },
        mark: { type: "line", color: "#999", strokeWidth: 1.2 },
        encoding: { x: x("x"), y: y("y"), order: { field: "order", type: "quantitative" } },
      }],
    }),
  });
}

const withDeviation = (value: number, sd: number | null): ShownCell =>
  sd === null ? decimals(value) : { text: decimals(value), note: `± ${decimals(sd)}` };

export async function tradeoffSection(
  config: Tradeoff,
  runs: readonly Run[],
  rows: readonly TradeoffRow[],
  index: number,
): Promise<Section> {
  const { target, general, setting } = config;
  const efficient = rows.filter((row) => row.efficient).map(({ label }) => label).join(", ");
  return section(`tradeoff-${index}`, `${target} and ${general}`, {
    paragraphs: [
      `No other ${setting} is better on one of both without being worse on the other: ${efficient}.`,
    ],
    blocks: [
      await tradeoffFigure(config, runs, rows, index === 1 ? "tradeoff" : `tradeoff_${index}`),
      shownTable(
        "Means over runs; ± is the standard deviation between runs. Nats per token.",
        rows,
        {
          [setting]: ({ label, efficient }) => ({ text: label, strong: efficient }),
          "#runs": ({ runs }) => `${runs}`,
          [`#loss on ${target}`]: (row) => withDeviation(row.target_loss, row.sd_target_loss),
          [`#forgetting of ${general}`]: (row) => withDeviation(row.forgetting, row.sd_forgetting),
        },
      ),
    ],
  });
}

/** Stages are rows, sources columns; below a loss stands what was forgotten since the best stage before. */
export function retentionSection(
  { label }: Chain,
  rows: readonly RetentionRow[],
  index: number,
): Section {
  const sources = [...new Set(rows.map(({ source }) => source))];
  const stages = [...Map.groupBy(rows, ({ stage }) => stage)];
  const cell = (of_stage: readonly RetentionRow[], source: string): ShownCell => {
    const { loss, change, forgotten } = of_stage.find((row) => row.source === source)!;
    if (change === null) return decimals(loss);
    const note = forgotten > 0 ? `${signed(forgotten)} forgotten` : `${signed(change)}`;
    return { text: decimals(loss), strong: forgotten === 0 && change < 0, note };
  };
  const columns = sources.map((source) => {
    return [`#${source}`, ([, of_stage]: typeof stages[number]) => cell(of_stage, source)] as const;
  });
  const last = stages.at(-1)![1];
  const worst = last.reduce((a, b) => b.forgotten > a.forgotten ? b : a);
  return section(`retention-${index}`, label, {
    paragraphs: [
      worst.forgotten === 0
        ? "After the last stage no source has a higher loss than after an earlier one."
        : `After the last stage most is forgotten of ${worst.source}: ${
          signed(worst.forgotten)
        } nats per token above the best stage before.`,
    ],
    blocks: [shownTable(
      "Held-out loss after each stage, in nats per token. Below: what is forgotten, the loss above the lowest of the " +
        "stages before; or the change from the stage before, bold where the source improved to a new best.",
      stages,
      { stage: ([stage]) => stage, ...Object.fromEntries(columns) },
    )],
  });
}

/**
 * The main figure: loss before and after fine-tuning, on the target and on general text.
 *
 * @module
 */
import type { ReportConfig } from "../config.ts";
import { decimals } from "../../../core/report/mod.ts";
import type { BeforeAfter, Results } from "../results.ts";
import { ARM_COLOURS, type Figure, renderFigure } from "../../../core/report/mod.ts";

/** A dumbbell per arm: open circle before fine-tuning, filled circle after, values beside them. */
export function lossFigure(config: ReportConfig, results: Results): Promise<Figure> {
  const labels = results.arms.map((arm) => arm.label);
  const panel = (source: string, pick: (i: number) => BeforeAfter) => ({
    title: { text: `Loss on ${source}`, fontSize: 13, offset: 6 },
    width: 320,
    height: 62 * labels.length,
    data: { values: labels.map((label, i) => dumbbell(label, pick(i))) },
    layer: dumbbellLayers(labels),
  });
  return renderFigure({
    name: "losses",
    title: "Loss before and after fine-tuning",
    caption: "Open circle: before fine-tuning; filled circle: after. Further left is better. On " +
      `${config.general_source}, a move to the right is forgetting. Each panel has its own scale.`,
    chart: {
      title: "Loss before (open) and after (filled) fine-tuning",
      resolve: { scale: { x: "independent" } },
      vconcat: [
        panel(config.target_source, (i) => results.arms[i].target),
        panel(config.general_source, (i) => results.arms[i].general),
      ],
    },
  });
}

function dumbbell(label: string, { before, after }: BeforeAfter) {
  return {
    label,
    before: before.loss,
    after: after.loss,
    before_text: decimals(before.loss),
    after_text: decimals(after.loss),
  };
}

function dumbbellLayers(labels: string[]): object[] {
  const y = {
    field: "label",
    type: "nominal",
    title: null,
    sort: labels,
    axis: { labelLimit: 160, ticks: false, domain: false, grid: true },
  };
  const x = (field: string) => ({
    field,
    type: "quantitative",
    title: "loss (nats/token)",
    axis: { tickCount: 6 },
    scale: { zero: false, nice: true, padding: 24 },
  });
  const color = {
    field: "label",
    type: "nominal",
    legend: null,
    scale: { domain: labels, range: labels.map((_, i) => ARM_COLOURS[i % ARM_COLOURS.length]) },
  };
  const dot = (field: string, filled: boolean) => ({
    mark: {
      type: "point",
      size: 130,
      strokeWidth: 2.5,
      opacity: 1,
      ...(filled ? { filled } : { fill: "white" }),
    },
    encoding: { y, x: x(field), color },
  });
  // Above and below the line, so that the two values never cover each other.
  const text = (field: string, dy: number) => ({
    mark: { type: "text", dy, fontSize: 12, color: "#222" },
    encoding: { y, x: x(field), text: { field: `${field}_text` } },
  });
  return [
    {
      mark: { type: "rule", strokeWidth: 2.5 },
      encoding: { y, x: x("before"), x2: { field: "after" }, color },
    },
    dot("before", false),
    dot("after", true),
    text("before", 18),
    text("after", -16),
  ];
}

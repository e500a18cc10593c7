/**
 * The main figure: loss before and after fine-tuning, on the target and on general text.
 *
 * @module
 */
import {
  decimals,
  dotChart,
  type Figure,
  renderFigure,
  seriesStyles,
} from "../../../core/report/mod.ts";
import type { ReportConfig } from "../inputs.ts";
import type { ArmResult, Results } from "../results.ts";

/** Each arm on both sources: an open mark before fine-tuning, a filled one after it. */
export function lossFigure(config: ReportConfig, results: Results): Promise<Figure> {
  const panel = (source: string, on: "target" | "general") => ({
    title: `Loss on ${source}`,
    dots: results.arms.map(({ label, [on]: { before, after } }: ArmResult) => {
      const [value, text] = [after.loss, decimals(after.loss)];
      return { label, series: label, before: before.loss, value, text };
    }),
  });
  return renderFigure({
    name: "losses",
    title: "Loss before (open) and after (filled) fine-tuning",
    caption:
      "Held-out loss in nats per token; the number is the loss after fine-tuning. Further left is better. On " +
      `${config.general_source}, a move to the right is forgetting. Each panel has its own scale.`,
    chart: dotChart({
      rows: [[panel(config.target_source, "target")], [panel(config.general_source, "general")]],
      styles: seriesStyles(results.arms.map(({ label }) => label)),
      x: "loss (nats/token)",
    }),
  });
}

/**
 * Results of the bfloat16 study as Markdown.
 *
 * @module
 */
import { markdownTable, milliseconds, percent, rounded, withRange } from "../shared/markdown.ts";
import { spread } from "../shared/statistics.ts";
import type { ConversionTimes, ProductTimes } from "./measure.ts";

/** What was measured at one size. */
export interface Bf16Result {
  readonly size: string;
  readonly rows: number;
  readonly length: number;
  readonly products: readonly ProductTimes[];
  readonly conversions: readonly ConversionTimes[];
  /** Seconds of whole training steps. */
  readonly steps_s: readonly number[];
}

/** Seconds of a step that the linear layers take in each way, and what that makes of the whole step. */
export interface Bf16Summary {
  readonly step_s: number;
  readonly ort_s: number;
  readonly f32_s: number;
  readonly bf16_s: number;
  readonly conversions_s: number;
  /** Part of the step that the products take now. */
  readonly share: number;
  /** How many times as fast a whole step would be, with oneDNN in float32, in bfloat16, and with products for free. */
  readonly f32_ratio: number;
  readonly bf16_ratio: number;
  readonly limit: number;
}

/**
 * Amdahl's law: with everything else unchanged,
 *
 *     ratio = step / (step - products now + products then)
 *
 * A product counts as often as a step computes it. Activations and their gradients are converted once each, for
 * the two products that read them; weights once per step, also those of the loss head, which works in chunks.
 */
export function summarize({ products, conversions, steps_s }: Bf16Result): Bf16Summary {
  const sum = (seconds: (times: ProductTimes) => number) =>
    products.reduce((total, times) => total + times.linear.count * seconds(times), 0);
  const step_s = spread(steps_s).median;
  const ort_s = sum((times) => times.ort_s);
  const f32_s = sum((times) => times.f32_s);
  const bf16_s = sum((times) => times.bf16_s);
  const conversions_s = conversions.reduce(
    (total, { linear, x_s, d_y_s, w_s }) =>
      total + linear.count * (x_s + d_y_s) + linear.layers * w_s,
    0,
  );
  const ratio = (then_s: number) => step_s / (step_s - ort_s + then_s);
  return {
    step_s,
    ort_s,
    f32_s,
    bf16_s,
    conversions_s,
    share: ort_s / step_s,
    f32_ratio: ratio(f32_s),
    bf16_ratio: ratio(bf16_s + conversions_s),
    limit: ratio(0),
  };
}

/** The report of all sizes. */
export function renderBf16(
  results: readonly Bf16Result[],
  machine: Readonly<Record<string, string | number>>,
): string {
  return [
    "# What bfloat16 products would bring",
    `${machine.date}, ${machine.processor}, ${machine.threads} threads; load average before the start ` +
    `${machine.load_average_before}. Deno ${machine.deno}, oneDNN ${machine.onednn}; kernels in bfloat16: ` +
    `${kernels(results)}.`,
    summaryTable(results),
    "Of a training step, the products of the linear layers as ONNX Runtime computes them in float32, and as oneDNN " +
    "does in float32 and in bfloat16 with float32 sums, each timed alone (the fastest of several), times how " +
    "often a step computes it. Conversions bring activations, their gradients and, once per step, the weights " +
    "to bfloat16. The ratios are how many times as fast the whole step would be with everything else " +
    "unchanged; the limit is that of products which take no time. They are upper bounds: calling another " +
    "library between ONNX Runtime's operators has a cost of its own, which is not in them.",
    ...results.flatMap((result) => [`## ${result.size}, ${shape(result)}`, productTable(result)]),
  ].join("\n\n") + "\n";
}

const shape = ({ rows, length }: Bf16Result) => `${rows} × ${length} tokens`;

function kernels(results: readonly Bf16Result[]): string {
  const names = results.flatMap(({ products }) => products.map(({ kernel }) => kernel));
  return [...new Set(names)].join(", ");
}

function summaryTable(results: readonly Bf16Result[]): string {
  const headings = [
    "model",
    "step, ms",
    "products now, ms",
    "share of the step",
    "oneDNN fp32, ms",
    "oneDNN bf16, ms",
    "conversions, ms",
    "ratio with fp32",
    "ratio with bf16",
    "limit",
  ];
  const rows = results.map((result) => {
    const summary = summarize(result);
    return [
      result.size,
      withRange(scaled(spread(result.steps_s)), 0),
      milliseconds(summary.ort_s),
      percent(summary.share),
      milliseconds(summary.f32_s),
      milliseconds(summary.bf16_s),
      milliseconds(summary.conversions_s),
      summary.f32_ratio.toFixed(2),
      summary.bf16_ratio.toFixed(2),
      summary.limit.toFixed(2),
    ];
  });
  return markdownTable(headings, rows);
}

const scaled = ({ median, min, max }: ReturnType<typeof spread>) => ({
  median: 1000 * median,
  min: 1000 * min,
  max: 1000 * max,
});

function productTable({ products, conversions }: Bf16Result): string {
  const headings = [
    "product",
    "m × k × n",
    "per step",
    "ONNX Runtime, GFLOP/s",
    "oneDNN fp32",
    "oneDNN bf16",
    "one product, ms",
    "in bf16",
    "conversions (x, d y, w), ms",
  ];
  const rows = products.map(({ linear, product, flops, ort_s, f32_s, bf16_s }) => {
    const [m, n] = linear.shapes[product.result], k = flops / (2 * m * n);
    const converted = conversions.find((times) => times.linear === linear);
    const first = product === linear.products[0] && converted;
    return [
      `${linear.name}, ${product.name}`,
      `${m} × ${k} × ${n}`,
      String(linear.count),
      ...[ort_s, f32_s, bf16_s].map((seconds) => rounded(flops / seconds / 1e9)),
      ...[ort_s, bf16_s].map((seconds) => (1000 * seconds).toFixed(1)),
      first
        ? [first.x_s, first.d_y_s, first.w_s].map((seconds) => (1000 * seconds).toFixed(2)).join(
          ", ",
        )
        : "",
    ];
  });
  return markdownTable(headings, rows);
}

/**
 * Norms by oneDNN.
 *
 * @module
 */
import type { Node } from "../../graph/mod.ts";
import type { Handle } from "../signature.ts";
import { BACKWARD, FORWARD_TRAINING, USE_GLOBAL_STATS, USE_SCALE, USE_SHIFT } from "./library.ts";
import type { Lowering } from "./lowering.ts";
import { reshapeView, type View } from "./memory.ts";

const LAYER_NORM = USE_SCALE | USE_SHIFT;
/** With a mean of 0 and the mean of squares as the variance, a layer norm without shift is an RMS norm. */
const RMS_NORM = USE_SCALE | USE_GLOBAL_STATS;

interface Described {
  readonly src: View;
  readonly dst: View;
  readonly mean: View;
  readonly epsilon: number;
  readonly flags: number;
}

function describeForward(
  { program: { library } }: Lowering,
  { src, dst, mean, epsilon, flags }: Described,
): Handle {
  const kind = "layer_normalization_forward";
  return library.describe(kind, FORWARD_TRAINING, src, dst, mean, epsilon, flags, null);
}

/** @param described.dst the gradient of the output. */
function describeBackward(lowering: Lowering, diff_src: View, described: Described): Handle {
  const { program: { library } } = lowering;
  const { src, dst: diff_dst, mean, epsilon, flags } = described;
  const forward = describeForward(lowering, { ...described, dst: src });
  const views = [diff_src, diff_dst, src, mean], kind = "layer_normalization_backward";
  return library.describe(kind, BACKWARD, ...views, epsilon, flags, forward, null);
}

export function layerNorm(node: Node<"layer_norm">, lowering: Lowering): void {
  const { inputs, outputs, attributes: { epsilon } } = node;
  const [src, scale, shift] = inputs.map((value) => lowering.dense(value, "float32"));
  const [y, ...statistics] = outputs;
  const rows = src.shape.slice(0, -1);
  const [mean, variance] = statistics.map((value) => {
    const view = lowering.program.temporary(rows);
    lowering.set(value, view);
    return view;
  });
  const dst = lowering.place(y);
  const described = { src, dst, mean, epsilon, flags: LAYER_NORM };
  const views = { src, dst, mean, variance, scale, shift };
  lowering.program.primitive(describeForward(lowering, described), views);
}

export function layerNormGrad(node: Node<"layer_norm_grad">, lowering: Lowering): void {
  const { inputs, outputs, attributes: { epsilon } } = node;
  const [src, scale, mean, variance, diff_dst] = inputs.map((value) =>
    lowering.dense(value, "float32")
  );
  const [diff_src, diff_scale, diff_shift] = outputs.map((value) => lowering.place(value));
  const described = { src, dst: diff_dst, mean, epsilon, flags: LAYER_NORM };
  const description = describeBackward(lowering, diff_src, described);
  // The shift is a required argument that is not read.
  const given = { src, diff_dst, mean, variance, scale, shift: scale };
  lowering.program.primitive(description, { ...given, diff_src, diff_scale, diff_shift });
}

/** A mean of 0 for every row. */
function zeroMean(lowering: Lowering, { shape }: View): View {
  const rows = shape.slice(0, -1), count = rows.reduce((a, b) => a * b, 1);
  return lowering.constant(`zeros_${rows.join("_")}`, new Float32Array(count), rows);
}

/** The second output is the mean of squares here; only the gradient op reads it. */
export function rmsNorm(node: Node<"rms_norm">, lowering: Lowering): void {
  const { inputs, outputs: [y, statistic], attributes: { epsilon } } = node;
  const { program } = lowering;
  const [src, scale] = inputs.map((value) => lowering.dense(value, "float32"));
  const squares = program.temporary(src.shape);
  program.binary("mul", src, src, squares);
  const mean_square = program.temporary([...src.shape.slice(0, -1), 1]);
  program.mean(squares, mean_square);
  lowering.set(statistic, mean_square);
  const dst = lowering.place(y), mean = zeroMean(lowering, src);
  const variance = reshapeView(mean_square, mean.shape)!;
  const description = describeForward(lowering, { src, dst, mean, epsilon, flags: RMS_NORM });
  program.primitive(description, { src, dst, mean, variance, scale });
}

/**
 * The primitive treats the statistics as constants, so its gradient is a = g γ / rms; with their part it is
 *
 *     d_x = a - x mean(a x) / rms²,  rms² = mean x² + ε.
 */
export function rmsNormGrad(node: Node<"rms_norm_grad">, lowering: Lowering): void {
  const { inputs, outputs, attributes: { epsilon } } = node;
  const { program } = lowering;
  const [src, scale, mean_square, diff_dst] = inputs.map((value) =>
    lowering.dense(value, "float32")
  );
  const [diff_src, diff_scale] = outputs.map((value) => lowering.place(value));
  const mean = zeroMean(lowering, src);
  const described = { src, dst: diff_dst, mean, epsilon, flags: RMS_NORM };
  const variance = reshapeView(mean_square, mean.shape)!;
  const given = { src, diff_dst, mean, variance, scale };
  const description = describeBackward(lowering, diff_src, described);
  program.primitive(description, { ...given, diff_src, diff_scale });
  const product = program.temporary(src.shape), along = program.temporary(mean_square.shape);
  program.binary("mul", diff_src, src, product);
  program.mean(product, along);
  const count = mean.shape.reduce((a, b) => a * b, 1);
  program.host([along, mean_square], (memory) => {
    const [sums, squares] = [along, mean_square].map(memory);
    for (let i = 0; i < count; i++) sums[i] /= squares[i] + epsilon;
  });
  program.binary("mul", src, along, product);
  program.binary("sub", diff_src, product, diff_src);
}

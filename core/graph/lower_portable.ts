/**
 * Lowerings that differ in portable models: standard operators of opset 17 in place of newer and contributed ones,
 * and sizes that are known only when the model runs. transformers.js runs these models in every browser.
 *
 * @module
 */
import type { Lowering } from "./emitter.ts";
import type { OpName } from "./ops.ts";
import { type Dimensions, formatShape } from "./types.ts";

/** The shape input of a Reshape: 0 keeps the size of an axis, -1 is inferred, for one axis at most. */
function reshapeTarget(from: Dimensions, to: Dimensions): number[] {
  const target = to.map((dim, axis) => typeof dim === "number" ? dim : from[axis] === dim ? 0 : -1);
  if (target.filter((size) => size === -1).length <= 1) return target;
  throw new Error(
    `cannot lower a reshape that moves two names: ${formatShape(from)} to ${formatShape(to)}`,
  );
}

/** The axes of `to` at which ones are inserted; undefined where a reshape does more. */
function insertedAxes(from: Dimensions, to: Dimensions): number[] | undefined {
  let matched = 0;
  const axes = to.flatMap((dim, axis) => {
    if (dim !== from[matched]) return [axis];
    matched++;
    return [];
  });
  return matched === from.length && axes.every((axis) => to[axis] === 1) ? axes : undefined;
}

export const PORTABLE: { readonly [Op in OpName]?: Lowering<Op> } = {
  reshape: ({ inputs: [{ dims: from }], attributes: { dims: to } }, [x], outputs, emit) => {
    const axes = insertedAxes(from, to);
    if (axes) emit.op("Unsqueeze", [x, emit.ints(axes)], {}, outputs);
    else emit.op("Reshape", [x, emit.ints(reshapeTarget(from, to))], {}, outputs);
  },
  /** x / 2 · (1 + erf(x / √2)) */
  gelu: ({ inputs: [like] }, [x], outputs, emit) => {
    const erf = emit.op("Erf", [emit.op("Mul", [x, emit.float(Math.SQRT1_2, like)])]);
    const half = emit.op("Mul", [x, emit.float(0.5, like)]);
    emit.op("Mul", [half, emit.op("Add", [erf, emit.float(1, like)])], {}, outputs);
  },
  /** The sizes of the parts are an input; `num_outputs` came with opset 18. */
  split: ({ outputs: parts, attributes: { axis } }, [x], outputs, emit) => {
    const sizes = emit.ints(parts.map(({ dims }) => Number(dims[axis])));
    emit.op("Split", [x, sizes], { axis: { int: axis } }, outputs);
  },
  /** Without the statistics, which only gradients need. */
  layer_norm: ({ attributes: { epsilon } }, inputs, [y], emit) => {
    emit.op("LayerNormalization", inputs, { axis: { int: -1 }, epsilon }, y);
  },
  /** x / √(mean x² + ε) · γ */
  rms_norm: ({ inputs: [like], attributes: { epsilon } }, [x, scale], [y], emit) => {
    const mean = emit.op("ReduceMean", [emit.op("Mul", [x, x])], {
      axes: [-1],
      keepdims: { int: 1 },
    });
    const rms = emit.op("Sqrt", [emit.op("Add", [mean, emit.float(epsilon, like)])]);
    emit.op("Mul", [emit.op("Div", [x, rms]), scale], {}, y);
  },
  /** (x_j, x_{j+R/2}) -> (x_j cos - x_{j+R/2} sin, x_{j+R/2} cos + x_j sin) */
  rotary: ({ inputs: [{ dims }, { dims: table }] }, [x, cos, sin], outputs, emit) => {
    const pairs = Number(table.at(-1)), rest = Number(dims[3]) - 2 * pairs;
    const sizes = rest > 0 ? [pairs, pairs, rest] : [pairs, pairs];
    const parts = sizes.map(() => emit.temporary());
    emit.op("Split", [x, emit.ints(sizes)], { axis: { int: -1 } }, parts);
    // Tables apply to all heads: [..., T, 1, R/2].
    const [c, s] = [cos, sin].map((name) => emit.shared("Unsqueeze", [name, emit.ints([-2])], {}));
    const [low, high, ...others] = parts, mul = (a: string, b: string) => emit.op("Mul", [a, b]);
    const turned = [
      emit.op("Sub", [mul(low, c), mul(high, s)]),
      emit.op("Add", [mul(high, c), mul(low, s)]),
    ];
    emit.op("Concat", [...turned, ...others], { axis: { int: -1 } }, outputs);
  },
};

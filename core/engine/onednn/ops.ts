/**
 * Lowering to oneDNN: one entry per op that training and evaluation need.
 *
 * @module
 */
import type { Node, Value } from "../../graph/mod.ts";
import { attention, attentionGrad } from "./attention.ts";
import { gatherColumns, gatherRows, negativeLogLikelihood, rotate, total } from "./host.ts";
import type { Lowering } from "./lowering.ts";
import { layerNorm, layerNormGrad, rmsNorm, rmsNormGrad } from "./norms.ts";
import type { Activation } from "./program.ts";
import { permute, reshapeView, slice, type View } from "./memory.ts";

type OpName = Node["op"];
type Lower<Op extends OpName> = (node: Node<Op>, lowering: Lowering) => void;

/** Bytes of softmax that stay in the cache until the loss is computed and they are rounded. */
const SOFTMAX_BYTES = 4 << 20;

const binary =
  <Op extends "add" | "sub" | "mul">(op: Op): Lower<Op> =>
  ({ inputs, outputs: [output] }, lowering) => {
    const full = (value: Value) => value.shape.join() === output.shape.join();
    const [a, b] = full(inputs[0]) ? inputs : [...inputs].reverse();
    if (!full(a) || (op === "sub" && a !== inputs[0])) {
      throw new Error(`oneDNN's ${op} needs a first operand of the result's shape`);
    }
    // Factors of equal shape are read in their own dtype (see isGating) and multiplied in float32.
    const dtype = lowering.dtypeOf(output);
    const [first, second] = [a, b].map((value) => {
      const { dtype: given } = lowering.view(value);
      return lowering.dense(value, op === "mul" && full(b) ? given : "float32");
    });
    const missing = first.shape.length - second.shape.length;
    const shape = [...Array<number>(missing).fill(1), ...second.shape];
    lowering.program.binary(op, first, reshapeView(second, shape)!, lowering.place(output, dtype));
  };

/** 1 in bfloat16. */
const ONE = 0x3f80;

/** Σ over the rows of a matrix, as a product with ones. */
function sumOfRows(x: Value, output: Value, lowering: Lowering): void {
  const [rows, columns] = x.shape;
  const view = lowering.view(x);
  const ones = view.dtype === "bfloat16"
    ? lowering.constant(`ones16_${rows}`, new Uint16Array(rows).fill(ONE), [1, rows])
    : lowering.constant(`ones_${rows}`, new Float32Array(rows).fill(1), [1, rows]);
  const sum = lowering.place(output, "float32");
  lowering.program.matmul(ones, view, reshapeView(sum, [1, columns])!);
}

function readers(value: Value, { nodes }: Lowering): number {
  return nodes.filter(({ inputs }) => inputs.includes(value)).length;
}

/** Whether nothing else reads the memory of a value, up to the op that computed it. */
function isSoleReader(value: Value, lowering: Lowering): boolean {
  if (readers(value, lowering) !== 1 || !value.node) return false;
  const moves = ["reshape", "transpose", "split"].includes(value.node.op);
  return !moves || isSoleReader(value.node.inputs[0], lowering);
}

/** A table of sines, and its sign. */
function signedTable(value: Value, lowering: Lowering): [Float32Array, number] {
  if (value.node?.op === "neg") {
    const [table, sign] = signedTable(value.node.inputs[0], lowering);
    return [table, -sign];
  }
  return [lowering.constantData(value) as Float32Array, 1];
}

const activation =
  (op: Activation): Lower<typeof op> => ({ inputs: [x], outputs: [output] }, lowering) => {
    const view = lowering.dense(x, lowering.view(x).dtype);
    lowering.program.activation(op, view, lowering.place(output, view.dtype));
  };

function activationGrad(
  op: Activation,
  [x, g, output]: readonly [x: Value, g: Value, output: Value],
  lowering: Lowering,
): void {
  const view = lowering.dense(x, lowering.view(x).dtype);
  const given = lowering.dense(g, view.dtype);
  lowering.program.activationGrad(op, view, given, lowering.place(output, view.dtype));
}

const OPS: { readonly [Op in OpName]?: Lower<Op> } = {
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  // Only of rotary tables, whose reader applies the sign.
  neg: () => {},
  reshape: ({ inputs: [x], outputs: [output] }, lowering) => {
    const view = lowering.view(x);
    lowering.set(
      output,
      reshapeView(view, output.shape) ??
        reshapeView(lowering.copied(view, view.dtype), output.shape)!,
    );
  },
  transpose: ({ inputs: [x], outputs: [output], attributes: { permutation } }, lowering) => {
    lowering.set(output, permute(lowering.view(x), permutation));
  },
  split: ({ inputs: [x], outputs, attributes: { axis, parts } }, lowering) => {
    const view = lowering.view(x), length = x.shape[axis] / parts;
    outputs.forEach((output, i) => lowering.set(output, slice(view, axis, i * length, length)));
  },
  concat: ({ inputs, outputs: [output], attributes: { axis } }, lowering) => {
    const whole = lowering.place(output);
    let start = 0;
    for (const part of inputs) {
      lowering.program.copy(lowering.view(part), slice(whole, axis, start, part.shape[axis]));
      start += part.shape[axis];
    }
  },
  sum: ({ inputs: [x], outputs: [output], attributes: { axes } }, lowering) => {
    if (x.shape.length === 2 && axes.join() === "0") return sumOfRows(x, output, lowering);
    if (axes.length !== x.shape.length) {
      throw new Error("oneDNN sums over rows or over all elements only");
    }
    const view = lowering.dense(x, "float32"), sum = lowering.place(output, "float32");
    const count = view.shape.reduce((a, b) => a * b);
    lowering.program.host([view, sum], (memory) => {
      memory(sum)[0] = total(memory(view), count);
    });
  },
  gemm: ({ inputs: [a, b, c], outputs: [output], attributes: { trans_a, trans_b } }, lowering) => {
    const { program, products } = lowering;
    const operand = (value: Value, transposed: boolean) =>
      transposed ? permute(lowering.as(value, products), [1, 0]) : lowering.as(value, products);
    const accumulate = c?.shape.length === 2;
    const result = lowering.place(output);
    if (accumulate) {
      const sum = lowering.view(c);
      const in_place = sum.slot === result.slot || [...lowering.aliases.values()].includes(c.name);
      if (!in_place) program.copy(sum, result);
    }
    const bias = c && !accumulate ? reshapeView(lowering.view(c), [1, c.shape[0]]) : undefined;
    program.matmul(operand(a, trans_a), operand(b, trans_b), result, { accumulate }, bias);
  },
  gather: ({ inputs: [table, ids], outputs: [output], attributes: { axis } }, lowering) => {
    const from = lowering.view(table), indices = lowering.view(ids);
    const out = lowering.place(output, "float32");
    const [rows, columns] = table.shape, [count] = ids.shape;
    lowering.program.host([from, indices, out], (memory) => {
      const [data, at, to] = [from, indices, out].map(memory);
      if (axis === 0) gatherRows(data, at, to, columns, count);
      else gatherColumns(data, at, to, { rows, columns, count });
    });
  },
  gelu: activation("gelu"),
  gelu_tanh: activation("gelu_tanh"),
  silu: activation("silu"),
  gelu_grad: ({ inputs: [x, g], outputs: [output] }, lowering) =>
    activationGrad("gelu", [x, g, output], lowering),
  gelu_tanh_grad: ({ inputs: [x, g], outputs: [output] }, lowering) =>
    activationGrad("gelu_tanh", [x, g, output], lowering),
  silu_grad: ({ inputs: [x, , g], outputs: [output] }, lowering) =>
    activationGrad("silu", [x, g, output], lowering),
  layer_norm: layerNorm,
  layer_norm_grad: layerNormGrad,
  rms_norm: rmsNorm,
  rms_norm_grad: rmsNormGrad,
  rotary: ({ inputs: [x, cos, sin], outputs: [output] }, lowering) => {
    const given = lowering.view(x);
    const view = isSoleReader(x, lowering) ? given : lowering.copied(given, "float32");
    const [sine, sign] = signedTable(sin, lowering);
    const tables = { cos: lowering.constantData(cos) as Float32Array, sin: sine, sign };
    lowering.program.host([view], (memory) => rotate(memory(view), view, tables));
    lowering.set(output, view);
  },
  causal_attention: attention,
  causal_attention_grad: attentionGrad,
  softmax_cross_entropy: ({ inputs, outputs: [nll, probabilities] }, lowering) => {
    const { program } = lowering;
    const [logits, labels] = inputs.map((value) => lowering.view(value));
    const [rows, vocab_size] = logits.shape;
    const result = lowering.place(nll, "float32");
    // Float32 probabilities that a gradient reads are computed at once; those that are rounded, or that only the loss
    // needs, in pieces.
    const p = readers(probabilities, lowering) > 0 ? lowering.place(probabilities) : undefined;
    const whole = p?.dtype === "float32" ? p : undefined;
    const size = whole ? rows : Math.max(1, Math.floor(SOFTMAX_BYTES / (4 * vocab_size)));
    for (let start = 0; start < rows; start += size) {
      const count = Math.min(size, rows - start);
      const part = (view: View) => slice(view, 0, start, count);
      const exact = whole ? part(whole) : program.temporary([count, vocab_size]);
      const views = { p: exact, z: part(logits), labels: part(labels), nll: part(result) };
      program.softmax(views.z, exact);
      program.host(Object.values(views), (memory) => {
        const { p, z, labels, nll } = views;
        const arrays = { p: memory(p), z: memory(z), labels: memory(labels), nll: memory(nll) };
        negativeLogLikelihood(arrays, vocab_size, count);
      });
      if (p && !whole) program.copy(exact, part(p));
    }
  },
};

/** Adds the steps of a node. @throws {Error} for an op without a lowering to oneDNN. */
export function lowerNode(node: Node, lowering: Lowering): void {
  const lower = OPS[node.op] as Lower<OpName> | undefined;
  if (!lower) throw new Error(`oneDNN has no kernel for "${node.op}"; use kernels "onnxruntime"`);
  lower(node, lowering);
}

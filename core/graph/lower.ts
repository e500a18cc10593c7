/**
 * Lowering to ONNX: one entry per op, with standard operators, or ONNX Runtime's own (com.microsoft) where they save
 * passes over memory.
 *
 * @module
 */
import {
  batchedProduct,
  Emitter,
  type Lowering,
  type LoweringOptions,
  MICROSOFT,
} from "./emitter.ts";
import type { Graph, Node, Value } from "./graph.ts";
import { lowerAttention, lowerAttentionGrad, lowerCacheMask } from "./lower_attention.ts";
import { lowerLayerNormGrad, lowerRmsNorm, lowerRmsNormGrad } from "./lower_norms.ts";
import { PORTABLE } from "./lower_portable.ts";
import { DATA_TYPE, encodeModel, type ValueInfoProto } from "./onnx_schema.ts";
import type { OpName } from "./ops.ts";
import { staticShape } from "./types.ts";

/** Opset 20 has Gelu; opset 17, the first with LayerNormalization, runs in every browser. */
const TRAINING_VERSIONS = { opset: 20, ir_version: 9 };
const PORTABLE_VERSIONS = { opset: 17, ir_version: 8 };

/** Every WebGPU device has 8 buffers for a shader, and that of Split needs one for its input and each output. */
const WEBGPU_OUTPUTS = 7;

/** Cuts `axis` into parts of `size`; more than `most` of them are cut out of larger parts. */
function emitSplit(
  emit: Emitter,
  x: string,
  cut: { axis: number; size: number; most: number },
  outputs: string[],
): void {
  const axis = { int: cut.axis };
  if (outputs.length <= cut.most) {
    emit.op("Split", [x], { axis, num_outputs: { int: outputs.length } }, outputs);
    return;
  }
  const per_group = Math.ceil(outputs.length / cut.most), groups: string[][] = [];
  for (let i = 0; i < outputs.length; i += per_group) groups.push(outputs.slice(i, i + per_group));
  const names = groups.map((group) => group.length === 1 ? group[0] : emit.temporary());
  const sizes = emit.ints(groups.map((group) => group.length * cut.size));
  emit.op("Split", [x, sizes], { axis }, names);
  groups.forEach((group, i) => {
    if (group.length > 1) emitSplit(emit, names[i], cut, group);
  });
}

/** One operator that computes the same. */
const direct = (op_type: string, domain = ""): Lowering<OpName> => (_, inputs, outputs, emit) => {
  emit.op(op_type, inputs, {}, outputs, domain);
};

const reduction =
  (op_type: string): Lowering<"sum" | "max"> => ({ attributes }, [x], outputs, emit) => {
    const { axes, keep_dims } = attributes;
    emit.op(op_type, [x, emit.ints(axes)], { keepdims: { int: keep_dims ? 1 : 0 } }, outputs);
  };

const column = (emit: Emitter, value: Value) =>
  emit.op("Reshape", [emit.name(value), emit.ints([value.shape[0], 1])]);

/** u = √(2/π) (x + 0.044715 x³): 2 u = x (A + B x²). */
const TANH_A = 2 * Math.sqrt(2 / Math.PI), TANH_B = 0.044715 * TANH_A;

/** σ(2 u), the factor of x in {@linkcode geluTanh}. */
function tanhGate(emit: Emitter, x: string, like: Value): string {
  const cubic = emit.op("Mul", [emit.op("Mul", [x, x]), emit.float(TANH_B, like)]);
  const slope = emit.op("Add", [cubic, emit.float(TANH_A, like)]);
  return emit.op("Sigmoid", [emit.op("Mul", [x, slope])]);
}

const LOWERING: { [Op in OpName]: Lowering<Op> } = {
  add: direct("Add"),
  sub: direct("Sub"),
  mul: direct("Mul"),
  div: direct("Div"),
  maximum: direct("Max"),
  equal: (_, inputs, outputs, emit) => {
    const to = { int: DATA_TYPE.float32 };
    emit.op("Cast", [emit.op("Equal", inputs)], { to }, outputs);
  },
  neg: direct("Neg"),
  exp: direct("Exp"),
  sqrt: direct("Sqrt"),
  gelu: direct("Gelu"),
  gelu_tanh: ({ inputs: [like] }, [x], outputs, emit) => {
    emit.op("Mul", [x, tanhGate(emit, x, like)], {}, outputs);
  },
  silu: (_, [x], outputs, emit) => {
    emit.op("Mul", [x, emit.op("Sigmoid", [x])], {}, outputs);
  },
  softmax: direct("Softmax"),
  sum: reduction("ReduceSum"),
  max: reduction("ReduceMax"),
  reshape: ({ attributes: { dims } }, [x], outputs, emit) => {
    emit.op("Reshape", [x, emit.ints(staticShape(dims))], {}, outputs);
  },
  transpose: ({ attributes }, inputs, outputs, emit) => {
    emit.op("Transpose", inputs, { perm: attributes.permutation }, outputs);
  },
  broadcast: ({ attributes }, [x], outputs, emit) => {
    emit.op("Expand", [x, emit.ints(staticShape(attributes.dims))], {}, outputs);
  },
  concat: ({ attributes }, inputs, outputs, emit) => {
    emit.op("Concat", inputs, { axis: { int: attributes.axis } }, outputs);
  },
  split: ({ inputs: [{ dims }], attributes: { axis, parts } }, [x], outputs, emit) => {
    const most = emit.options.fused === false ? WEBGPU_OUTPUTS : parts;
    emitSplit(emit, x, { axis, size: Number(dims[axis]) / parts, most }, outputs);
  },
  matmul: ({ inputs, attributes }, names, [output], emit) => {
    const type = { dtype: inputs[0].dtype, ranks: inputs.map(({ dims }) => dims.length) };
    batchedProduct(emit, type, names, attributes, output);
  },
  gemm: ({ attributes: { trans_a, trans_b } }, [a, b, c], [output], emit) => {
    const flags = { transA: { int: +trans_a }, transB: { int: +trans_b } };
    // The bias or sum over micro-batches that is added keeps its float32 precision.
    const separate = emit.options.half_products && c !== undefined;
    if (!separate) emit.product("Gemm", c === undefined ? [a, b] : [a, b, c], flags, output);
    else emit.op("Add", [emit.product("Gemm", [a, b], flags, undefined), c], {}, output);
  },
  gather: ({ attributes: { axis } }, inputs, outputs, emit) => {
    emit.op("Gather", inputs, { axis: { int: axis } }, outputs);
  },
  // Not ScatterND: with reduction=add it has a data race on the CPU when indices repeat.
  scatter_add: (node, [base, indices, values], outputs, emit) => {
    const { inputs: [, , updates], attributes: { axis } } = node;
    const line = updates.shape.map((dim, i) => i === axis ? dim : 1);
    const column = emit.op("Reshape", [indices, emit.ints(line)]);
    const spread = emit.op("Expand", [column, emit.ints(updates.shape)]);
    const attributes = { axis: { int: axis }, reduction: "add" };
    emit.op("ScatterElements", [base, spread, values], attributes, outputs);
  },
  take_along_rows: ({ inputs: [x, indices] }, [name], outputs, emit) => {
    const picked = emit.op("GatherElements", [name, column(emit, indices)], { axis: { int: 1 } });
    emit.op("Reshape", [picked, emit.ints([x.shape[0]])], {}, outputs);
  },
  add_along_rows: ({ inputs: [, indices, updates] }, [base], outputs, emit) => {
    const inputs = [base, column(emit, indices), column(emit, updates)];
    emit.op("ScatterElements", inputs, { axis: { int: 1 }, reduction: "add" }, outputs);
  },
  causal_attention: lowerAttention,
  causal_attention_grad: lowerAttentionGrad,
  cache_mask: lowerCacheMask,
  layer_norm: ({ attributes: { epsilon } }, inputs, outputs, emit) => {
    emit.op("LayerNormalization", inputs, { axis: { int: -1 }, epsilon }, outputs);
  },
  layer_norm_grad: lowerLayerNormGrad,
  rms_norm: lowerRmsNorm,
  rms_norm_grad: lowerRmsNormGrad,
  // y = x Φ(x): d_x = g (Φ(x) + x φ(x)). With u = x/√2, Φ(x) = (1 + erf u) / 2 and
  // φ(x) = exp(-x²/2) / √(2π) = exp(-ln √(2π) - u²).
  // HardSigmoid is (e + 1) / 2 in one pass; it clips to [0, 1], which the result is in anyway.
  gelu_grad: ({ inputs: [like] }, [x, g], outputs, emit) => {
    const u = emit.op("Mul", [x, emit.float(Math.SQRT1_2, like)]);
    const cdf = emit.op("HardSigmoid", [emit.op("Erf", [u])], { alpha: 0.5, beta: 0.5 });
    const log_scale = emit.float(-0.5 * Math.log(2 * Math.PI), like);
    const density = emit.op("Exp", [emit.op("Sub", [log_scale, emit.op("Mul", [u, u])])]);
    const slope = emit.op("Add", [cdf, emit.op("Mul", [x, density])]);
    emit.op("Mul", [g, slope], {}, outputs);
  },
  // y = x s with s = σ(2 u): d_x = g (s + y (1 - s) (A + 3 B x²)).
  gelu_tanh_grad: ({ inputs: [like] }, [x, g], outputs, emit) => {
    const s = tanhGate(emit, x, like), y = emit.op("Mul", [x, s]);
    const cubic = emit.op("Mul", [emit.op("Mul", [x, x]), emit.float(3 * TANH_B, like)]);
    const slope = emit.op("Add", [cubic, emit.float(TANH_A, like)]);
    const rest = emit.op("Mul", [y, emit.op("Sub", [emit.float(1, like), s])]);
    emit.op("Mul", [g, emit.op("Add", [s, emit.op("Mul", [rest, slope])])], {}, outputs);
  },
  // y = x σ(x): d_x = g (σ(x) + y (1 - σ(x))).
  silu_grad: ({ inputs: [like] }, [x, y, g], outputs, emit) => {
    const sigmoid = emit.op("Sigmoid", [x]);
    const rest = emit.op("Sub", [emit.float(1, like), sigmoid]);
    const slope = emit.op("Add", [sigmoid, emit.op("Mul", [y, rest])]);
    emit.op("Mul", [g, slope], {}, outputs);
  },
  quantized_linear: ({ attributes }, [x], outputs, emit) => {
    const { name, out, into, bits, weight: { codes, scales, blocks, block_size } } = attributes;
    const inputs = [
      x,
      emit.tensor(`${name}.uint${bits}`, codes, [out, blocks, block_size * bits / 8]),
      emit.tensor(`${name}.scales`, scales, [out * blocks]),
    ];
    const integers = { K: into, N: out, bits, block_size };
    const flags = Object.entries(integers).map(([key, int]) => [key, { int }]);
    emit.op("MatMulNBits", inputs, Object.fromEntries(flags), outputs, MICROSOFT);
  },
  quantized_gather: ({ attributes: { codes, scales, name } }, [indices], outputs, emit) => {
    const rows = scales.length;
    const table = emit.tensor(`${name}.int8`, codes, [rows, codes.length / rows]);
    const row_scales = emit.tensor(`${name}.row_scales`, scales, [rows, 1]);
    const to = { int: DATA_TYPE.float32 };
    const picked = emit.op("Cast", [emit.op("Gather", [table, indices])], { to });
    emit.op("Mul", [picked, emit.op("Gather", [row_scales, indices])], {}, outputs);
  },
  rotary_angles: (
    { attributes: { frequencies, scale }, outputs: [like] },
    [positions],
    outputs,
    emit,
  ) => {
    const to = { int: DATA_TYPE.float32 };
    const column = emit.op("Unsqueeze", [emit.op("Cast", [positions], { to }), emit.ints([-1])]);
    const row = emit.tensor("rotary_frequencies", frequencies, [frequencies.length]);
    const angles = emit.op("Mul", [column, row]);
    for (const [i, op_type] of ["Cos", "Sin"].entries()) {
      if (scale === 1) emit.op(op_type, [angles], {}, [outputs[i]]);
      else {
        emit.op("Mul", [emit.op(op_type, [angles]), emit.float(scale, like)], {}, [outputs[i]]);
      }
    }
  },
  // The operator needs [B, T, H·Dh]. position_ids of shape [1] is the first position; the following rows of the tables
  // are for the following positions.
  rotary: ({ inputs: [x, cos] }, [name, cos_name, sin_name], outputs, emit) => {
    const [rows, length, heads, head_dim] = x.shape;
    const attributes = {
      interleaved: { int: 0 },
      num_heads: { int: heads },
      ...(2 * cos.shape[1] < head_dim && { rotary_embedding_dim: { int: 2 * cos.shape[1] } }),
    };
    const flat = emit.op("Reshape", [name, emit.ints([rows, length, heads * head_dim])]);
    const inputs = [flat, emit.ints([0]), cos_name, sin_name];
    const turned = emit.op("RotaryEmbedding", inputs, attributes, undefined, MICROSOFT);
    emit.op("Reshape", [turned, emit.ints(x.shape)], {}, outputs);
  },
  // log Σ exp(z) = max z - log(max softmax(z)), because the largest probability is 1 / Σ exp(z - max z).
  // It never underflows (it is at least 1/V), and no shifted copy of the logits is needed.
  softmax_cross_entropy: ({ inputs: [logits, labels] }, [z], [nll, probabilities], emit) => {
    emit.op("Softmax", [z], { axis: { int: -1 } }, probabilities);
    const row_max = (x: string) =>
      emit.op("ReduceMax", [x, emit.ints([1])], { keepdims: { int: 1 } });
    const log_z = emit.op("Sub", [row_max(z), emit.op("Log", [row_max(probabilities)])]);
    const picked = emit.op("GatherElements", [z, column(emit, labels)], { axis: { int: 1 } });
    const loss = emit.op("Sub", [log_z, picked]);
    emit.op("Reshape", [loss, emit.ints([logits.shape[0]])], {}, nll);
  },
};

function valueInfo(name: string, { dtype, dims }: Value): ValueInfoProto {
  const dim = dims.map((size) =>
    typeof size === "number" ? { dim_value: size } : { dim_param: size }
  );
  return { name, type: { tensor_type: { elem_type: DATA_TYPE[dtype], shape: { dim } } } };
}

/** Nodes that an output depends on, in order. */
export function liveNodes(graph: Graph): Node[] {
  const live = new Set<Value>(graph.outputs.values());
  return [...graph.nodes].reverse().filter((node) => {
    if (!node.outputs.some((output) => live.has(output))) return false;
    node.inputs.forEach((input) => live.add(input));
    return true;
  }).reverse();
}

/**
 * Lowers a graph to a serialized ONNX model. Nodes that no output needs are dropped; inputs are all kept.
 *
 * @returns the bytes of a ModelProto.
 */
export function lowerToOnnx(graph: Graph, options: LoweringOptions = {}): Uint8Array {
  const emit = new Emitter(options);
  const aliases = [...graph.outputs].filter(([name, value]) => !emit.rename(value, name));
  const nodes = liveNodes(graph);
  const used = new Set(nodes.flatMap((node) => node.inputs).concat([...graph.outputs.values()]));
  for (const [value, data] of graph.constants) {
    if (used.has(value)) emit.tensor(value.name, data, value.shape);
  }
  for (const node of nodes) {
    const lower = (options.portable ? PORTABLE[node.op] : undefined) ?? LOWERING[node.op];
    const names = (values: readonly Value[]) => values.map((value) => emit.name(value));
    (lower as Lowering<OpName>)(node, names(node.inputs), names(node.outputs), emit);
  }
  for (const [name, value] of aliases) emit.op("Identity", [emit.name(value)], {}, name);
  const proto = {
    name: "causeway",
    node: emit.nodes,
    initializer: [...emit.initializers.values()],
    input: graph.inputs.map((value) => valueInfo(value.name, value)),
    output: [...graph.outputs].map(([name, value]) => valueInfo(name, value)),
  };
  return encodeModel(proto, options.portable ? PORTABLE_VERSIONS : TRAINING_VERSIONS);
}

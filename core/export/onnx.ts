/**
 * Decoders as ONNX models with a key/value cache, under the names of Hugging Face's exporters for inputs and outputs,
 * so that transformers.js and its `text-generation` pipeline run them.
 *
 * The layers are those of core/model. Only parameters (constants, possibly quantized) and attention are defined here.
 *
 * Shapes in comments: B rows, T new tokens, P cached ones, S = P + T, H heads, K of keys and values, E dims per head,
 * D = H·E, V vocabulary. B, T and P are known only when the model runs.
 *
 * @module
 */
import {
  add,
  cacheMask,
  concat,
  gather,
  Graph,
  lowerToOnnx,
  matmul,
  mul,
  quantizedGather,
  quantizedLinear,
  reshape,
  rotary,
  rotaryAngles,
  softmax,
  transpose as permute,
  type Value,
} from "../graph/mod.ts";
import {
  type Attention,
  decoder,
  embeddings,
  familyOf,
  type ModelConfig,
  namedTensors,
  type ParameterArrays,
  type Parameters,
  rotaryAngles as modelAngles,
  transpose,
} from "../model/mod.ts";
import { quantizeRows, quantizeWeight, type WeightBits } from "./quantize.ts";

/** Precisions under transformers.js's names (`dtype`), with the suffix of the file that it looks for. */
export const ONNX_DTYPES = {
  /** Weights as they were trained. */
  fp32: { suffix: "", bits: 32 },
  /** Weights in 8 bits, activations in float32. */
  q8: { suffix: "_quantized", bits: 8 },
  /** Weights of linear layers in 4 bits, embeddings in 8. */
  q4: { suffix: "_q4", bits: 4 },
} as const;

export type OnnxDtype = keyof typeof ONNX_DTYPES;

/** A protobuf message is at most 2 GiB. */
const MAX_BYTES = 2 ** 31 - 1;

/** Shorter rows are not quantized: they gain nothing. */
const MIN_QUANTIZED = 32;

const [ROWS, LENGTH, PAST] = ["batch_size", "sequence_length", "past_sequence_length"];

/**
 * Yields the ONNX files of a model, one for each precision, each created on demand.
 *
 * @throws {Error} when a file would be larger than ONNX allows.
 */
export function* onnxFiles(
  parameters: ParameterArrays,
  dtypes: readonly OnnxDtype[],
): Generator<{ name: string; content: Uint8Array }> {
  const tensors = namedTensors(parameters) as readonly Matrix[];
  const bytes = tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
  const weights = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  for (const dtype of dtypes) {
    const { suffix, bits } = ONNX_DTYPES[dtype];
    if (bits === 32 && bytes > MAX_BYTES) {
      throw new Error(
        `the weights take ${(bytes / 1e9).toFixed(1)} GB, but an ONNX file is at most 2 GiB: ` +
          "export q8 or q4 instead",
      );
    }
    const graph = decoderGraph(parameters.config, weights, bits);
    yield { name: `onnx/model${suffix}.onnx`, content: lowerToOnnx(graph, { portable: true }) };
  }
}

/**
 * The whole model.
 *
 * Inputs: `input_ids` and `position_ids`, int64 [B, T]; `attention_mask`, int64 [B, S], 0 at padding; for every layer
 * `past_key_values.N.key` and `.value`, float32 [B, K, P, E].
 * Outputs: `logits`, float32 [B, T, V]; for every layer `present.N.key` and `.value`, float32 [B, K, S, E].
 */
function decoderGraph(
  config: ModelConfig,
  weights: ReadonlyMap<string, Matrix>,
  bits: 32 | WeightBits,
): Graph {
  const graph = new Graph();
  const parameters = new ConstantParameters(graph, weights, bits);
  const input_ids = graph.input("input_ids", "int64", [ROWS, LENGTH]);
  const attention = cachedAttention(graph, config, input_ids);
  const { final } = decoder(config, parameters, input_ids, attention);
  graph.output("logits", parameters.linear(final, embeddings(config).output.name));
  return graph;
}

/** softmax(q kᵀ / √E + mask) v over the cache and the new tokens. */
function cachedAttention(graph: Graph, config: ModelConfig, input_ids: Value): Attention {
  const shape = familyOf(config).attentionShape(config);
  const { num_attention_heads: H, num_key_value_heads: K, head_dim: E } = shape;
  const attention_mask = graph.input("attention_mask", "int64", [ROWS, `${PAST} + ${LENGTH}`]);
  const position_ids = graph.input("position_ids", "int64", [ROWS, LENGTH]);
  const mask = cacheMask(attention_mask, input_ids);
  const { divisors, scale } = modelAngles(shape);
  // Computed from positions, not looked up in a table: texts may grow beyond max_position_embeddings, as in transformers.
  const frequencies = Float32Array.from(divisors, (divisor) => 1 / divisor);
  const { cos, sin } = rotaryAngles(position_ids, { frequencies, scale });
  const byHead = (x: Value) => permute(x, [0, 2, 1, 3]);
  /** The cache with the new keys or values, [B, K, S, E]. */
  const append = (what: string, added: Value) => {
    const past = graph.input(`past_key_values.${what}`, "float32", [ROWS, K, PAST, E]);
    const all = concat([past, byHead(added)], 2);
    graph.output(`present.${what}`, all);
    return all;
  };
  // The G = H / K heads of a group are an axis of their own, over which keys, values and mask broadcast.
  const grouped = K < H;
  const spread = ({ dims: [rows, heads, ...rest] }: Value) => [rows, heads, 1, ...rest];
  return {
    axes: [ROWS, LENGTH],
    rotate: (x) => shape.rotary_dim === 0 ? x : rotary(x, cos, sin),
    attend(layer, q, new_k, new_v) {
      const k = append(`${layer}.key`, new_k), v = append(`${layer}.value`, new_v);
      const scaled = mul(byHead(q), 1 / Math.sqrt(E));
      const queries = grouped ? reshape(scaled, [ROWS, K, H / K, LENGTH, E]) : scaled;
      const [keys, values, hidden] = grouped
        ? [k, v, mask].map((x) => reshape(x, spread(x)))
        : [k, v, mask];
      const scores = add(matmul(queries, keys, { trans_b: true }), hidden);
      const context = matmul(softmax(scores), values);
      return reshape(byHead(reshape(context, [ROWS, H, LENGTH, E])), [ROWS, LENGTH, H * E]);
    },
  };
}

/** A matrix [out, in] or vector of the model. */
interface Matrix {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Parameters as constants; with 4 or 8 `bits`, matrices are quantized. */
class ConstantParameters implements Parameters {
  constructor(
    readonly graph: Graph,
    readonly weights: ReadonlyMap<string, Matrix>,
    readonly bits: 32 | WeightBits,
  ) {}

  get(name: string): Value {
    const { data, shape } = this.weights.get(name)!;
    return this.graph.constant(data, shape, name);
  }

  linear(x: Value, weight: string, bias?: string): Value {
    const { graph, bits } = this;
    const { name, data, shape: [out, into] } = this.weights.get(weight)!;
    const product = bits === 32 || into < MIN_QUANTIZED
      ? matmul(
        x,
        graph.constant(transpose(data, out, into), [into, out], `${name}.transposed`),
      )
      : quantizedLinear(x, { name, out, into, bits, weight: quantizeWeight(data, into, bits) });
    return bias === undefined ? product : add(product, this.get(bias));
  }

  /** Eight bits, one scale a row: not all runtimes look up rows of four, and a lookup is cheap. */
  embed(name: string, ids: Value): Value {
    if (this.bits === 32) return gather(this.get(name), ids);
    const { data, shape: [, width] } = this.weights.get(name)!;
    return quantizedGather(ids, { name, ...quantizeRows(data, width) });
  }
}

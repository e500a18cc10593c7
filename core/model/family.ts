/**
 * The interface of a model family: everything that the rest of the code needs to know about an architecture.
 *
 * A family is a folder here that exports one value of this type, listed in families.ts. Graphs, trainers, checkpoints,
 * generation, ONNX exports, analyses and forecasts use only this.
 *
 * @module
 */
import type { z } from "zod";
import type { Dimension, Shape, Value } from "../graph/mod.ts";
import type { Rotary } from "./rope.ts";

/** Sizes of every model, under the keys of Hugging Face's `config.json`. */
export interface CommonSizes {
  vocab_size: number;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  /** Width inside the MLP. */
  intermediate_size: number;
  /** Longest sequence that the model accepts. */
  max_position_embeddings: number;
}

/** One tensor of the model. */
export interface ParameterSpec {
  /** Its Hugging Face name. */
  readonly name: string;
  /** Its shape in Hugging Face's files; linear weights are [out, in]. */
  readonly shape: Shape;
  /**
   * Whether it is kept transposed in memory, [in, out]. The gradient of a weight is a product over all positions
   * with one factor transposed: stored [out, in] that is the gradient of the output, [in, out] the input. Matrix
   * kernels transpose the narrower one at less cost, which was measured to save up to a quarter of it.
   */
  readonly transposed: boolean;
  /**
   * Its initial values: one value, or normal with a standard deviation. `is_residual`: its products are added to the residual
   * stream.
   */
  readonly initial: { readonly value: number } | {
    readonly deviation: number;
    readonly is_residual?: boolean;
  };
}

/** The shape of a parameter in memory. */
export function storedShape(
  { shape, transposed }: Pick<ParameterSpec, "shape" | "transposed">,
): Shape {
  return transposed ? shape.toReversed() : shape;
}

/** A vector with one initial value: a bias, or the scale of a norm. */
export function vector(name: string, size: number, value: number): ParameterSpec {
  return { name, shape: [size], transposed: false, initial: { value } };
}

/** The weight of a linear layer, [out, in]. */
export function matrix(
  name: string,
  [out, into]: readonly [out: number, into: number],
  deviation: number,
  is_residual = false,
): ParameterSpec {
  const initial = { deviation, is_residual };
  return { name, shape: [out, into], transposed: out > into, initial };
}

/** Heads and rotary embedding of a model's attention. */
export interface AttentionShape extends Rotary {
  readonly num_attention_heads: number;
  /** Divides the number above; smaller where groups of heads share keys and values (Ainslie et al., 2023). */
  readonly num_key_value_heads: number;
  readonly head_dim: number;
}

/**
 * How tokens attend: over whole rows in training (decoder.ts), over a key/value cache in generation
 * (core/generate/graphs.ts) and in ONNX exports (core/export/onnx.ts).
 *
 * H heads, K of keys and values, E dims per head. Hidden states are [..., D]: [N, D], or [B, T, D] in exports.
 */
export interface Attention {
  /** Rows and positions of queries, keys and values. */
  readonly axes: readonly [rows: Dimension, positions: Dimension];
  /** Rotates queries [...axes, H, E] or keys [...axes, K, E] by the positions of their tokens. */
  rotate(x: Value): Value;
  /** softmax(q kᵀ / √E + mask) v of layer number `layer`: [..., H·E]. */
  attend(layer: number, q: Value, k: Value, v: Value): Value;
}

/** A model's parameters in a graph: inputs (decoder.ts), or constants of an ONNX export. */
export interface Parameters {
  /** A vector, such as the scale of a norm. */
  get(name: string): Value;
  /** x Wᵀ + b with W [out, in], as PyTorch's Linear. */
  linear(x: Value, weight: string, bias?: string): Value;
  /** Rows of the embedding [V, D] at `ids` [...]: [..., D]. */
  embed(embedding: string, ids: Value): Value;
}

/** What a layer computes with. */
export interface LayerContext<C> {
  readonly config: C;
  readonly parameters: Parameters;
  readonly attention: Attention;
}

/** An architecture with configurations of type C. D = `hidden_size`. */
export interface Family<C extends CommonSizes> {
  /** Its usual name in text. */
  readonly title: string;
  /** The fields of a recipe that give a model's sizes, all but the vocabulary's. */
  readonly sizes_schema: z.ZodType<Partial<Omit<C, "vocab_size">>>;
  /** Sizes of known models by name. */
  readonly presets: Readonly<Record<string, Omit<C, "vocab_size">>>;
  /** A configuration from the fields of a recipe that give a model's sizes. */
  complete(sizes: unknown, vocab_size: number): C;
  /**
   * Reads a Hugging Face configuration.
   *
   * @param origin where it came from, for messages.
   * @throws {Error} when a field is missing or wrong, or needs something that is not implemented.
   */
  parse(given: Readonly<Record<string, unknown>>, origin: string): C;
  /** The configuration as `config.json` for `from_pretrained`. */
  toHuggingFace(config: C): Record<string, unknown>;

  /** All parameters, in the order of computation. */
  parameterSpecs(config: C): ParameterSpec[];
  /** Names of the input embedding and the output projection, [V, D] each; the same name where they are tied. */
  embeddings(config: C): { readonly input: string; readonly output: string };
  /** Other names of the same tensors, from other versions of transformers or for a second copy in a file. */
  aliases(config: C): Readonly<Partial<Record<string, string>>>;
  /** Buffers in old checkpoints that are computed here. */
  readonly ignored: RegExp;

  attentionShape(config: C): AttentionShape;
  /** Layer number `index`: [..., D] -> [..., D]. */
  layer(context: LayerContext<C>, index: number, x: Value): Value;
  /** [..., D] -> [..., D]. */
  finalNorm(context: LayerContext<C>, x: Value): Value;
  /** Values per position that the backward pass needs of a layer, apart from the probabilities of attention. */
  keptValues(config: C): number;
}

/**
 * What a family of models is: all that the rest of the code has to know of an architecture.
 *
 * A family is a folder here, one value of this type, listed in families.ts. Graphs, trainers, checkpoints, generation,
 * analyses and forecasts go through it.
 *
 * @module
 */
import type { Value } from "../graph/mod.ts";
import type { Attention, AttentionShape } from "./attention.ts";
import type { DeclaredParameters } from "./declared.ts";
import type { ParameterSpec } from "./parameter_spec.ts";

/** Sizes that every model has, in the keys of Hugging Face's `config.json`. */
export interface CommonSizes {
  vocab_size: number;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  /** Width inside the MLP. */
  intermediate_size: number;
  /** Longest sequence the model takes. */
  max_position_embeddings: number;
}

/** What a layer computes with. */
export interface LayerContext<C> {
  readonly config: C;
  readonly parameters: DeclaredParameters;
  readonly attention: Attention;
}

/** An architecture with configurations of type C. N tokens, D = `hidden_size`. */
export interface Family<C extends CommonSizes> {
  /** What people call it. */
  readonly title: string;
  /** A configuration from the fields of a recipe that give a model's sizes, all but the vocabulary's. */
  complete(sizes: unknown, vocab_size: number): C;
  /**
   * Reads a Hugging Face configuration.
   *
   * @param origin where it came from, for messages.
   * @throws {Error} when a field is missing or wrong, or asks for what this implementation does not do.
   */
  parse(given: Readonly<Record<string, unknown>>, origin: string): C;
  /** The configuration as `config.json` for `from_pretrained`. */
  toHuggingFace(config: C): Record<string, unknown>;

  /** All parameters, in the order of computation. */
  parameterSpecs(config: C): ParameterSpec[];
  /** Names of the input embedding and the output projection, [V, D] each; the same where they are tied. */
  embeddings(config: C): { readonly input: string; readonly output: string };
  /** Other names of the same tensors: those of other versions of transformers, or of a copy that some files hold. */
  aliases(config: C): Readonly<Partial<Record<string, string>>>;
  /** Buffers that old checkpoints carry and that are computed here. */
  readonly ignored: RegExp;

  attentionShape(config: C): AttentionShape;
  /** Layer number `index`: [N, D] -> [N, D]. */
  layer(context: LayerContext<C>, index: number, x: Value): Value;
  /** [N, D] -> [N, D]. */
  finalNorm(context: LayerContext<C>, x: Value): Value;
  /** Values per position that the backward pass needs of a layer, but for the probabilities of attention. */
  keptValues(config: C): number;
}

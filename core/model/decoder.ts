/**
 * The decoder of every family: embedding, layers, final norm. In training and evaluation its parameters are inputs of
 * the graph and attention is over whole rows.
 *
 * @module
 */
import {
  causalAttention,
  gather,
  gemm,
  type Graph,
  reshape,
  rotary,
  type Value,
} from "../graph/mod.ts";
import { familyOf, type ModelConfig } from "./families.ts";
import {
  type Attention,
  type AttentionShape,
  type Parameters,
  type ParameterSpec,
  storedShape,
} from "./family.ts";
import { rotaryAngles } from "./rope.ts";

/** Values of a forward pass. */
export interface Forward {
  /** [..., D], the last layer's output after the final norm: the input of the output projection. */
  final: Value;
  /** [..., D] each: the embedding, then every layer's output, the last one after the final norm. */
  hidden_states: Value[];
}

/**
 * Builds the forward pass.
 *
 * @param input_ids [N], or [B, T] in exports.
 */
export function decoder(
  config: ModelConfig,
  parameters: Parameters,
  input_ids: Value,
  attention: Attention,
): Forward {
  const family = familyOf(config), context = { config, parameters, attention };
  let hidden = parameters.embed(family.embeddings(config).input, input_ids);
  const hidden_states = [hidden];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    hidden = family.layer(context, i, hidden);
    hidden_states.push(hidden);
  }
  const final = family.finalNorm(context, hidden);
  hidden_states[hidden_states.length - 1] = final;
  return { final, hidden_states };
}

/** Parameters as inputs of a graph, float32 in their shapes in memory, under their Hugging Face names. */
export class DeclaredParameters implements Parameters {
  readonly values: ReadonlyMap<string, Value>;
  readonly #specs: ReadonlyMap<string, ParameterSpec>;

  constructor(graph: Graph, specs: readonly ParameterSpec[]) {
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.values = new Map(
      specs.map((spec) => [spec.name, graph.input(spec.name, "float32", storedShape(spec))]),
    );
  }

  get(name: string): Value {
    const value = this.values.get(name);
    if (!value) throw new Error(`the model has no parameter "${name}"`);
    return value;
  }

  linear(x: Value, weight: string, bias?: string): Value {
    const trans_b = !this.#specs.get(weight)!.transposed;
    return gemm(x, this.get(weight), { trans_b, c: bias ? this.get(bias) : undefined });
  }

  embed(embedding: string, ids: Value): Value {
    return gather(this.get(embedding), ids);
  }
}

/** Shape of one batch: `rows` sequences of `length` positions. */
export interface BatchShape {
  rows: number;
  length: number;
  /** Whether rows contain documents that do not see each other: graphs then have the input `document_start`. */
  document_mask?: boolean;
}

/**
 * Attention over whole rows: position t of a row sees positions from 0, or from document_start[t], to t.
 *
 * @param document_start int32 [B, T]. Rotary positions count over the whole row, since rotations by t and k leave only
 * t - k in a score.
 */
export function wholeRows(
  graph: Graph,
  shape: AttentionShape,
  { rows, length }: BatchShape,
  document_start?: Value,
): Attention {
  const { num_attention_heads, head_dim } = shape;
  const { cos, sin } = rotaryTables(graph, shape, length);
  return {
    axes: [rows, length],
    rotate: (x) => shape.rotary_dim === 0 ? x : rotary(x, cos, sin),
    attend(_, q, k, v) {
      const context = causalAttention(q, k, v, document_start);
      return reshape(context, [rows * length, num_attention_heads * head_dim]);
    },
  };
}

/** cos and sin of the angles of position t and pair j, times the embedding's scale: [length, R/2] each. */
export function rotaryTables(
  graph: Graph,
  shape: AttentionShape,
  length: number,
): { cos: Value; sin: Value } {
  const { divisors, scale } = rotaryAngles(shape);
  const pairs = divisors.length;
  const table = (f: (angle: number) => number) => {
    const data = Float32Array.from({ length: length * pairs }, (_, i) => {
      const position = Math.floor(i / pairs), pair = i % pairs;
      return scale * f(position / divisors[pair]);
    });
    return graph.constant(data, [length, pairs]);
  };
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

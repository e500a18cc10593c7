/**
 * The GPT-NeoX decoder as a graph, exactly as Hugging Face's GPTNeoXForCausalLM computes it.
 *
 * Shapes in comments: B rows, T positions, N = B·T, H heads, E dims per head, D = H·E, V vocabulary.
 *
 * @module
 */
import {
  add,
  causalAttention,
  gather,
  gelu,
  type Graph,
  layerNorm,
  reshape,
  rotary,
  split,
  type Value,
} from "../graph/mod.ts";
import { type GptNeoXConfig, rotaryDim } from "./config.ts";
import type { DeclaredParameters } from "./declared.ts";
import { EMBED_IN } from "./parameters.ts";

/** Shape of one batch: `rows` sequences of `length` positions. */
export interface BatchShape {
  rows: number;
  length: number;
  /** Whether rows hold documents that do not see each other: graphs then have the input `first_key`. */
  document_mask?: boolean;
}

/** Inputs that say what is read. */
export interface Tokens {
  /** int32 [N], rows one after another. */
  input_ids: Value;
  /**
   * int32 [B, T]: position t of a row sees positions from first_key[t] to t. Positions go on counting over the whole
   * row, since rotations by t and k leave only t - k in a score.
   */
  first_key?: Value;
}

/** Values of a forward pass. */
export interface Forward {
  /** [N, D], the last layer's output after the final norm: what `embed_out` turns into logits. */
  final: Value;
  /** [N, D] each: the embedding, then every layer's output, the last one after the final norm. */
  hidden_states: Value[];
}

/** Parts of the graph that all layers share. */
interface Shared {
  config: GptNeoXConfig;
  shape: BatchShape;
  parameters: DeclaredParameters;
  first_key?: Value;
  /** [T, R/2] each. */
  cos: Value;
  sin: Value;
}

/**
 * Builds the forward pass.
 *
 * @throws {Error} when the sequences are longer than `max_position_embeddings`.
 */
export function gptNeoX(
  config: GptNeoXConfig,
  parameters: DeclaredParameters,
  { input_ids, first_key }: Tokens,
  shape: BatchShape,
): Forward {
  if (shape.length > config.max_position_embeddings) {
    throw new Error(
      `sequences of ${shape.length} tokens are longer than the model's ` +
        `${config.max_position_embeddings} positions (max_position_embeddings)`,
    );
  }
  const { graph } = input_ids;
  const shared: Shared = {
    config,
    shape,
    parameters,
    first_key,
    ...rotaryTables(graph, config, shape.length),
  };
  let hidden = gather(parameters.get(EMBED_IN), input_ids);
  const hidden_states = [hidden];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    hidden = layer(shared, `gpt_neox.layers.${i}`, hidden);
    hidden_states.push(hidden);
  }
  const final = norm(shared, "gpt_neox.final_layer_norm", hidden);
  hidden_states[hidden_states.length - 1] = final;
  return { final, hidden_states };
}

/**
 * Parallel residual: y = x + attention(norm₁(x)) + mlp(norm₂(x)).
 * Sequential: h = x + attention(norm₁(x)), y = h + mlp(norm₂(h)).
 */
function layer(shared: Shared, prefix: string, x: Value): Value {
  const attended = attention(
    shared,
    `${prefix}.attention`,
    norm(shared, `${prefix}.input_layernorm`, x),
  );
  const middle = add(x, attended);
  const mlp_input = shared.config.use_parallel_residual ? x : middle;
  const normed = norm(shared, `${prefix}.post_attention_layernorm`, mlp_input);
  return add(middle, mlp(shared, `${prefix}.mlp`, normed));
}

function dense({ parameters }: Shared, name: string, x: Value): Value {
  return parameters.linear(x, `${name}.weight`, `${name}.bias`);
}

function norm({ parameters, config }: Shared, name: string, x: Value): Value {
  return layerNorm(
    x,
    parameters.get(`${name}.weight`),
    parameters.get(`${name}.bias`),
    config.layer_norm_eps,
  );
}

function mlp(shared: Shared, name: string, x: Value): Value {
  return dense(shared, `${name}.dense_4h_to_h`, gelu(dense(shared, `${name}.dense_h_to_4h`, x)));
}

/** softmax(q kᵀ / √E + mask) v over each head; q, k and v lie side by side for each head. */
function attention(shared: Shared, name: string, x: Value): Value {
  const { rows: B, length: T } = shared.shape;
  const { hidden_size: D, num_attention_heads: H } = shared.config;
  const E = D / H;
  const qkv = reshape(dense(shared, `${name}.query_key_value`, x), [B, T, H, 3, E]);
  const [q, k, v] = split(qkv, 3, 3).map((part) => reshape(part, [B, T, H, E]));
  const rotate = (value: Value) =>
    rotaryDim(shared.config) === 0 ? value : rotary(value, shared.cos, shared.sin);
  const context = causalAttention(rotate(q), rotate(k), v, shared.first_key);
  return dense(shared, `${name}.dense`, reshape(context, [B * T, D]));
}

/** cos and sin of t / base^(2j/R) for position t and pair j. */
function rotaryTables(graph: Graph, config: GptNeoXConfig, length: number) {
  const rotary_dim = rotaryDim(config);
  const pairs = rotary_dim / 2;
  const table = (f: (angle: number) => number) => {
    const data = new Float32Array(length * pairs);
    for (let t = 0; t < length; t++) {
      for (let j = 0; j < pairs; j++) {
        data[t * pairs + j] = f(t / config.rotary_emb_base ** (2 * j / rotary_dim));
      }
    }
    return graph.constant(data, [length, pairs]);
  };
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

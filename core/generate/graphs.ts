/**
 * The graphs of decoding: a forward pass over new tokens with a key/value cache, and what is read off its last states.
 *
 * Shapes in comments: B rows, T new tokens of each row, N = B·T, C slots of the cache, H heads, E dims per head,
 * D = H·E, V vocabulary. They compute what core/model's graphs compute, whose logits the tests compare them with.
 *
 * @module
 */
import {
  add,
  causalMask,
  div,
  exp,
  gather,
  gelu,
  gemm,
  Graph,
  layerNorm,
  matmul,
  max,
  maximum,
  mul,
  reshape,
  rotary,
  softmaxCrossEntropy,
  split,
  sub,
  sum,
  transpose,
  type Value,
} from "../graph/mod.ts";
import {
  EMBED_IN,
  EMBED_OUT,
  type GptNeoXConfig,
  type ParameterSpec,
  parameterSpecs,
  rotaryDim,
  storedShape,
} from "../model/mod.ts";

/** Shape of one pass: `rows` texts, `length` new tokens of each, after at most `capacity` earlier ones. */
export interface StepShape {
  rows: number;
  length: number;
  capacity: number;
}

/** What all layers read. */
interface Step extends StepShape {
  config: GptNeoXConfig;
  parameters: ReadonlyMap<string, { spec: ParameterSpec; value: Value }>;
  /** float32 [B, 1, 1, C]: 0 where a slot holds a token of the row, the lowest number elsewhere. */
  past_mask: Value;
  /** Turns [1, N, H, E] by the position of each token. */
  rotate(x: Value): Value;
}

/**
 * The forward pass over new tokens.
 *
 * Inputs: every parameter but the output projection; `input_ids` and `positions`, int32 [N]; `past_mask` float32
 * [B, 1, 1, C]; for every layer `past_key.I` and `past_value.I`, float32 [B, H, C, E].
 * Outputs: `final` float32 [N, D], after the final norm; for every layer `key.I` and `value.I`, float32 [B, H, T, E],
 * which whoever runs the graph puts into the slots.
 *
 * A token sees the slots that the mask leaves open, and the new tokens of its row up to itself. Tokens after a row's
 * last one may be anything: none before them sees them.
 */
export function stepGraph(config: GptNeoXConfig, shape: StepShape): Graph {
  const graph = new Graph();
  const { rows: B, length: T, capacity: C } = shape;
  const specs = parameterSpecs(config).filter(({ name }) => name !== EMBED_OUT);
  const parameters = new Map(
    specs.map((
      spec,
    ) => [spec.name, { spec, value: graph.input(spec.name, "float32", storedShape(spec)) }]),
  );
  const input_ids = graph.input("input_ids", "int32", [B * T]);
  const rotate = rotation(graph.input("positions", "int32", [B * T]), config);
  const past_mask = graph.input("past_mask", "float32", [B, 1, 1, C]);
  const step: Step = { ...shape, config, parameters, past_mask, rotate };
  let hidden = gather(parameters.get(EMBED_IN)!.value, input_ids);
  for (let i = 0; i < config.num_hidden_layers; i++) hidden = layer(step, i, hidden);
  graph.output("final", norm(step, "gpt_neox.final_layer_norm", hidden));
  return graph;
}

/** Input `states` float32 [rows, D]; output `logits` float32 [rows, V]. */
export function logitsHeadGraph(config: GptNeoXConfig, rows: number): Graph {
  const { graph, logits } = declareHead(config, rows);
  graph.output("logits", logits);
  return graph;
}

/** Inputs `states` float32 [rows, D], `labels` int32 [rows]; output `nll` float32 [rows], in nats. */
export function likelihoodHeadGraph(config: GptNeoXConfig, rows: number): Graph {
  const { graph, logits } = declareHead(config, rows);
  graph.output("nll", softmaxCrossEntropy(logits, graph.input("labels", "int32", [rows])).nll);
  return graph;
}

function declareHead(config: GptNeoXConfig, rows: number): { graph: Graph; logits: Value } {
  const graph = new Graph();
  const spec = parameterSpecs(config).find(({ name }) => name === EMBED_OUT)!;
  const weight = graph.input(EMBED_OUT, "float32", storedShape(spec));
  const states = graph.input("states", "float32", [rows, config.hidden_size]);
  return { graph, logits: gemm(states, weight, { trans_b: !spec.transposed }) };
}

/** Rotary embedding by each token's own position p: angles p / base^(2j/R) for pair j. */
function rotation(positions: Value, config: GptNeoXConfig): (x: Value) => Value {
  const R = rotaryDim(config), length = config.max_position_embeddings;
  if (R === 0) return (x) => x;
  const table = (f: (angle: number) => number) => {
    const data = Float32Array.from({ length: length * R / 2 }, (_, i) => {
      const position = Math.floor(i / (R / 2)), pair = i % (R / 2);
      return f(position / config.rotary_emb_base ** (2 * pair / R));
    });
    return gather(positions.graph.constant(data, [length, R / 2]), positions);
  };
  const cos = table(Math.cos), sin = table(Math.sin);
  return (x) => rotary(x, cos, sin);
}

/**
 * Parallel residual: y = x + attention(norm₁(x)) + mlp(norm₂(x)).
 * Sequential: h = x + attention(norm₁(x)), y = h + mlp(norm₂(h)).
 */
function layer(step: Step, index: number, x: Value): Value {
  const prefix = `gpt_neox.layers.${index}`;
  const middle = add(x, attention(step, index, norm(step, `${prefix}.input_layernorm`, x)));
  const mlp_input = step.config.use_parallel_residual ? x : middle;
  const normed = norm(step, `${prefix}.post_attention_layernorm`, mlp_input);
  const inner = gelu(dense(step, `${prefix}.mlp.dense_h_to_4h`, normed));
  return add(middle, dense(step, `${prefix}.mlp.dense_4h_to_h`, inner));
}

/**
 * Attention over the slots and the new tokens without putting them together, which would copy the cache: with s and t
 * the scores of slots and new tokens and m the larger of their maxima,
 *
 *     softmax([s, t]) [v_past; v] = (exp(s - m) v_past + exp(t - m) v) / (Σ exp(s - m) + Σ exp(t - m)).
 */
function attention(step: Step, index: number, x: Value): Value {
  const { config, rows: B, length: T, capacity: C } = step;
  const { hidden_size: D, num_attention_heads: H } = config;
  const E = D / H, { graph } = x;
  const name = `gpt_neox.layers.${index}.attention`;
  const qkv = reshape(dense(step, `${name}.query_key_value`, x), [1, B * T, H, 3, E]);
  const [q, k, v] = split(qkv, 3, 3).map((part, i) => {
    const flat = reshape(part, [1, B * T, H, E]);
    const turned = i < 2 ? step.rotate(flat) : flat;
    return transpose(reshape(turned, [B, T, H, E]), [0, 2, 1, 3]);
  });
  graph.output(`key.${index}`, k);
  graph.output(`value.${index}`, v);
  const past = (what: string) => graph.input(`past_${what}.${index}`, "float32", [B, H, C, E]);
  // Scaled by itself: kernels for one row of queries take products without a factor only.
  const scaled = mul(q, 1 / Math.sqrt(E));
  const score = (keys: Value, mask: Value) => add(matmul(scaled, keys, { trans_b: true }), mask);
  const s = score(past("key"), step.past_mask);
  const t = score(k, graph.constant(causalMask(T, 0), [T, T]));
  const largest = (scores: Value) => max(scores, { axes: [3], keep_dims: true });
  const m = maximum(largest(s), largest(t));
  const p_past = exp(sub(s, m)), p = exp(sub(t, m));
  const total = (weights: Value) => sum(weights, { axes: [3], keep_dims: true });
  const context = div(
    add(matmul(p_past, past("value")), matmul(p, v)),
    add(total(p_past), total(p)),
  );
  return dense(step, `${name}.dense`, reshape(transpose(context, [0, 2, 1, 3]), [B * T, D]));
}

/** x Wᵀ + b with W [out, in], however W is stored. */
function dense({ parameters }: Step, name: string, x: Value): Value {
  const { spec, value } = parameters.get(`${name}.weight`)!;
  return gemm(x, value, { trans_b: !spec.transposed, c: parameters.get(`${name}.bias`)!.value });
}

function norm({ parameters, config }: Step, name: string, x: Value): Value {
  const [weight, bias] = ["weight", "bias"].map((part) => parameters.get(`${name}.${part}`)!.value);
  return layerNorm(x, weight, bias, config.layer_norm_eps);
}

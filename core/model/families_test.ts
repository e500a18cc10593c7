import assert from "node:assert/strict";
import {
  completeConfig,
  decodeParameters,
  embeddings,
  encodeParameters,
  initialize,
  namedTensors,
  ParameterArrays,
  parameterCount,
  parameterSpecs,
  parseConfig,
  PRESETS,
  sizes_schema,
  toHuggingFace,
} from "./mod.ts";
import type { LlamaConfig } from "./llama/config.ts";
import { writeSafetensors } from "./safetensors.ts";

const LLAMA = {
  model_type: "llama",
  vocab_size: 32,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 24,
};

const parse = (changes: Record<string, unknown>) =>
  parseConfig({ ...LLAMA, ...changes }, "config.json");

Deno.test("defaults of a Llama configuration are those of Hugging Face", () => {
  const { num_key_value_heads, head_dim, rope_theta, rms_norm_eps, tie_word_embeddings } = parse({
    num_key_value_heads: null,
    head_dim: null,
    rope_scaling: null,
  }) as LlamaConfig;
  assert.deepEqual([num_key_value_heads, head_dim, rope_theta], [4, 4, 10000]);
  assert.deepEqual([rms_norm_eps, tie_word_embeddings], [1e-6, false]);
});

const REJECTED: readonly [changes: Record<string, unknown>, message: RegExp][] = [
  [{ model_type: "gpt2" }, /model_type is "gpt2", only "gpt_neox" and "llama" are supported/],
  [{ model_type: "toString" }, /model_type is "toString"/],
  [{ attention_bias: true }, /attention_bias is true, only false is supported/],
  [{ mlp_bias: true }, /mlp_bias is true, only false is supported/],
  [{ hidden_act: "relu" }, /hidden_act: "relu" is not supported; supported: gelu, /],
  [
    { rope_scaling: { type: "dynamic", factor: 2 } },
    /rope_type "dynamic" is not supported; .*"yarn"/,
  ],
  [{ rope_parameters: { rope_type: "llama3" } }, /rope_parameters\.factor is missing/],
  [{ rope_scaling: { type: "linear" } }, /rope_scaling\.factor is missing/],
  [{ rope_scaling: { factor: 2 } }, /rope_scaling has factor, which rope_type "default" does not/],
  [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0.5, only 1 is supported/],
  [{ num_key_value_heads: 3 }, /num_attention_heads 4 is not a multiple of num_key_value_heads 3/],
  [{ head_dim: 5 }, /rotary embedding needs an even head_dim, got 5/],
  [{ num_attention_heads: 3 }, /hidden_size 16 is not divisible by 3 heads/],
  [{ rms_norm_eps: "small" }, /config.json: rms_norm_eps must be a number > 0, got "small"/],
];

Deno.test("unsupported settings are rejected by name", () => {
  for (const [changes, message] of REJECTED) assert.throws(() => parse(changes), message);
});

/** Spellings of rotary settings: changes to a GPT-NeoX or Llama configuration, with what is read. */
const linear = { rope_type: "linear", factor: 2 };
const SPELLINGS: readonly [changes: Record<string, unknown>, expected: Record<string, unknown>][] =
  [
    [{ rope_parameters: { rope_theta: 100 } }, { rope_theta: 100 }],
    [{ rope_scaling: { rope_theta: 100, rope_type: "default" } }, { rope_theta: 100 }],
    [{ rope_theta: 100, rope_parameters: { rope_theta: 100 } }, { rope_theta: 100 }],
    [{ rope_scaling: { type: "linear", factor: 2 } }, { rope_scaling: linear }],
    [{ rope_theta: 7, rope_parameters: linear }, { rope_theta: 7, rope_scaling: linear }],
    [
      { max_position_embeddings: 64, rope_scaling: { type: "yarn", factor: 4, finetuned: true } },
      { rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64 } },
    ],
    [
      { original_max_position_embeddings: 16, rope_parameters: { rope_type: "yarn", factor: 4 } },
      { rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 16 } },
    ],
    [{ hidden_act: "swish" }, { hidden_act: "swish" }],
    [{ hidden_act: "silu" }, { hidden_act: undefined }],
    [
      { model_type: "gpt_neox", rotary_pct: 0.5, rotary_emb_base: 100 },
      { rotary_pct: 0.5, rotary_emb_base: 100 },
    ],
    [
      {
        model_type: "gpt_neox",
        rope_parameters: { rope_theta: 100, partial_rotary_factor: 0.5 },
        rope_theta: 100,
      },
      { rotary_pct: 0.5, rotary_emb_base: 100 },
    ],
    [{ model_type: "gpt_neox", rope_scaling: { ...linear, rope_theta: 100 } }, {
      rotary_emb_base: 100,
      rope_scaling: linear,
    }],
    [{ model_type: "gpt_neox", hidden_act: "gelu", attention_bias: true }, {
      hidden_act: undefined,
    }],
  ];

Deno.test("rotary settings are read in every spelling", () => {
  for (const [changes, expected] of SPELLINGS) {
    const config = parse({ hidden_size: 32, ...changes }) as unknown as Record<string, unknown>;
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(config[key], value);
    assert.deepEqual(parseConfig(toHuggingFace(config as never), "our own"), config);
  }
});

const CONTRADICTIONS: readonly [changes: Record<string, unknown>, message: RegExp][] = [
  [
    { rope_theta: 10000, rope_parameters: { rope_theta: 100 } },
    /rope_parameters.rope_theta is 100, but rope_theta is 10000; remove the wrong one/,
  ],
  [
    { rope_theta: 5, rope_scaling: { rope_theta: 7 } },
    /rope_scaling.rope_theta is 7, but rope_theta/,
  ],
  [
    { rope_parameters: { rope_theta: 100 }, rope_scaling: { rope_theta: 7 } },
    /rope_parameters.rope_theta is 100, but rope_scaling.rope_theta is 7/,
  ],
  [
    { rope_parameters: { type: "linear", rope_type: "default" } },
    /rope_type is "default", but .*type/,
  ],
  [
    {
      original_max_position_embeddings: 8,
      rope_scaling: { type: "yarn", factor: 2, original_max_position_embeddings: 4 },
    },
    /original_max_position_embeddings is 4, but original_max_position_embeddings is 8/,
  ],
  [{ rotary_emb_base: 7 }, /rotary_emb_base is 7, but a model of this type names it rope_theta/],
  [
    { model_type: "gpt_neox", rope_theta: 7 },
    /rope_theta is 7, but a model of this type names it rotary_emb_base/,
  ],
  [
    { model_type: "gpt_neox", rotary_pct: 0.5, rope_parameters: { partial_rotary_factor: 1 } },
    /rope_parameters.partial_rotary_factor is 1, but rotary_pct is 0.5/,
  ],
];

Deno.test("rotary settings that contradict each other are rejected", () => {
  for (const [changes, message] of CONTRADICTIONS) assert.throws(() => parse(changes), message);
});

Deno.test("a recipe's sizes are of GPT-NeoX unless model_type names another family", () => {
  const { model_type: _, vocab_size: __, ...given } = LLAMA;
  const sizes = { ...given, hidden_size: 32 };
  const plain = sizes_schema.parse(sizes);
  assert.ok(!("model_type" in plain) && "rotary_pct" in plain);
  assert.deepEqual(sizes_schema.parse({ ...sizes, model_type: "gpt_neox" }), plain);
  const llama = sizes_schema.parse({ ...sizes, model_type: "llama", num_key_value_heads: 2 });
  assert.deepEqual(
    completeConfig(llama, 32),
    parse({ hidden_size: 32, num_key_value_heads: 2 }),
  );
  const problems = (changes: object) =>
    sizes_schema.safeParse({ ...sizes, ...changes }).error!.issues.map(({ message }) => message);
  assert.match(problems({ model_type: "llama", rotary_pct: 0.5 })[0], /"rotary_pct"/);
  assert.match(problems({ model_type: "llama", num_key_value_heads: 3 })[0], /not a multiple of/);
  assert.match(problems({ num_attention_heads: 3 })[0], /not divisible by 3 heads/);
});

Deno.test("published models have the published number of parameters", () => {
  const count = (name: keyof typeof PRESETS, vocab_size: number) =>
    parameterCount(completeConfig(PRESETS[name], vocab_size));
  assert.equal(count("smollm2-135m", 49152), 134_515_008);
  assert.equal(count("tinyllama-1.1b", 32000), 1_100_048_384);
  assert.equal(count("pythia-70m", 50304), 70_426_624);
  const inner = (name: keyof typeof PRESETS) => count(name, 2) - count(name, 1);
  assert.deepEqual([inner("llama-mini"), inner("mini")], [256, 256]);
});

Deno.test("every preset survives a round trip through config.json", () => {
  for (const preset of Object.values(PRESETS)) {
    const config = completeConfig(preset, 100);
    const json = JSON.parse(JSON.stringify(toHuggingFace(config)));
    assert.deepEqual(parseConfig(json, "config.json"), config);
    const [input, output] = [embeddings(config).input, embeddings(config).output];
    assert.deepEqual([input.shape, output.shape], [[100, config.hidden_size], input.shape]);
  }
});

function weights(config: LlamaConfig): ParameterArrays {
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, 1);
  return parameters;
}

Deno.test("initial Llama norms are 1, and matrices have standard deviation 0.02", () => {
  const parameters = weights(parse({ vocab_size: 2000 }) as LlamaConfig);
  for (const { name, shape } of parameterSpecs(parameters.config)) {
    const data = parameters.get(name);
    if (shape.length === 1) assert.ok(data.every((value) => value === 1), name);
    else {
      const deviation = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
      assert.ok(Math.abs(deviation / 0.02 - 1) < 0.2, `${name}: ${deviation}`);
    }
  }
});

Deno.test("LitGPT's initial weights depend on the hidden size, and on the depth into the residual stream", () => {
  const presets = [
    [completeConfig(PRESETS["pythia-14m"], 1000), /attention\.dense\.weight|dense_4h_to_h\.weight/],
    [parse({ vocab_size: 2000, hidden_size: 64 }), /o_proj|down_proj/],
  ] as const;
  for (const [config, residual] of presets) {
    const { hidden_size: d, num_hidden_layers: L } = config;
    const parameters = new ParameterArrays(config, "matrices");
    initialize(parameters, 1, "litgpt");
    let into_residual = 0;
    for (const { name, shape } of parameterSpecs(config)) {
      if (shape.length === 1) continue;
      const data = parameters.get(name), is_residual = residual.test(name);
      if (is_residual) into_residual++;
      const deviation = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
      const expected = is_residual ? 1 / (Math.sqrt(d) * L) : Math.sqrt(0.4 / d);
      assert.ok(Math.abs(deviation / expected - 1) < 0.1, `${name}: ${deviation}, ${expected}`);
    }
    assert.equal(into_residual, 2 * L);
  }
});

Deno.test("weights that are NaN or infinite are rejected by name, with their number", () => {
  const model = weights(parse({}) as LlamaConfig);
  model.get("model.layers.1.mlp.down_proj.weight").set([NaN, 1, -Infinity]);
  assert.throws(
    () => decodeParameters(model, encodeParameters(model), "model.safetensors"),
    /"model.layers.1.mlp.down_proj.weight" has 2 NaN or infinite weights of 384; use an earlier checkpoint/,
  );
});

Deno.test("tied embeddings are one parameter, written once", () => {
  const tied = weights(parse({ tie_word_embeddings: true }) as LlamaConfig);
  assert.ok(!tied.views.has("lm_head.weight"));
  assert.equal(parameterCount(tied.config) + 16 * 32, parameterCount(parse({})));
  const embedding = tied.get("model.embed_tokens.weight"), shape = [32, 16];
  const withCopy = (data: Float32Array) => {
    return writeSafetensors([...namedTensors(tied), { name: "lm_head.weight", shape, data }]);
  };
  const read = new ParameterArrays(tied.config, "matrices");
  decodeParameters(read, encodeParameters(tied), "model.safetensors");
  assert.deepEqual(read.groups, tied.groups);
  // Some files contain it twice.
  decodeParameters(read, withCopy(embedding), "model.safetensors");
  assert.throws(
    () => decodeParameters(read, withCopy(embedding.map((x) => x + 1)), "model.safetensors"),
    /"lm_head.weight" and "model.embed_tokens.weight" differ, but tie_word_embeddings .* set it to false/,
  );
});

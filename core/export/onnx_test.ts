/**
 * Exports as transformers.js runs them: greedy texts equal to ours.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  dequantizeWeight,
  greedyTexts,
  modelFiles,
  PROMPTS,
  SIZES,
} from "../../tests/shared/exported_model.ts";
import {
  decodeParameters,
  embeddings,
  type ModelConfig,
  namedTensors,
  ParameterArrays,
  parameterSpecs,
  writeSafetensors,
} from "../model/mod.ts";
import { type OnnxDtype, onnxFiles } from "./onnx.ts";
import { runTransformersJs } from "./verify.ts";
import { quantizeRows, quantizeWeight } from "./quantize.ts";

const NEW_TOKENS = 20;

/** The same model with tied embeddings as two, which are quantized in different ways. */
function untied(given: ParameterArrays): ParameterArrays {
  const { config } = given;
  const { input, tied } = embeddings(config);
  if (!tied) return given;
  const result = new ParameterArrays(
    { ...config, tie_word_embeddings: false } as never,
    "matrices",
  );
  const tensors = namedTensors(given);
  const copy = tensors.find(({ name }) => name === input.name)!;
  const head = { ...copy, name: embeddings(result.config).output.name };
  decodeParameters(result, writeSafetensors([...tensors, head]), "untied");
  return result;
}

/** The parameters that a quantized file represents. */
function asQuantized(model: ParameterArrays, bits: 4 | 8): ParameterArrays {
  const given = untied(model);
  const result = new ParameterArrays(given.config, "matrices");
  for (const { name, shape, transposed } of parameterSpecs(given.config)) {
    const data = given.get(name);
    if (shape.length === 1) result.get(name).set(data);
    else if (name === embeddings(given.config).input.name) {
      const { codes, scales } = quantizeRows(data, shape[1]);
      result.get(name).set(
        Float32Array.from(codes, (code, i) => code * scales[Math.floor(i / shape[1])]),
      );
    } else {
      const [out, into] = shape;
      const turn = (x: Float32Array, rows: number, columns: number) =>
        transposed ? x.map((_, i) => x[i % rows * columns + Math.floor(i / rows)]) : x;
      // In memory [in, out] where it is transposed.
      const weight = turn(data, into, out);
      const back = dequantizeWeight(quantizeWeight(weight, into, bits), into, bits);
      result.get(name).set(turn(back, out, into));
    }
  }
  return result;
}

const CASES = {
  "parallel residual": SIZES,
  "sequential residual, all dimensions rotated": {
    ...SIZES,
    use_parallel_residual: false,
    rotary_pct: 1,
  },
  "nothing rotated": { ...SIZES, rotary_pct: 0 },
  "Llama with shared heads and tied embeddings": {
    model_type: "llama",
    vocab_size: SIZES.vocab_size,
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 16,
    intermediate_size: 96,
    max_position_embeddings: 64,
    rope_theta: 10000,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  "YaRN, gelu_new, tied embeddings, no biases in attention": {
    ...SIZES,
    hidden_act: "gelu_new",
    tie_word_embeddings: true,
    attention_bias: false,
    rotary_pct: 1,
    rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 16 },
  },
} as const satisfies Record<string, ModelConfig>;

/** Greedy texts of an export by transformers.js, one list for each precision. */
async function theirTexts(
  model: ParameterArrays,
  files: Readonly<Record<string, Uint8Array>>,
  dtypes: readonly OnnxDtype[],
): Promise<string[][]> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(folder, "onnx"));
    for (const [file, content] of Object.entries(files)) {
      await Deno.writeFile(join(folder, file), content);
    }
    for (const { name, content } of onnxFiles(model, dtypes)) {
      await Deno.writeFile(join(folder, name), content as Uint8Array);
    }
    const options = { folder, prompts: PROMPTS, max_new_tokens: NEW_TOKENS };
    const results = await runTransformersJs(dtypes.map((dtype) => ({ ...options, dtype })));
    return results.map(({ texts }) => texts);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, sizes] of Object.entries(CASES)) {
  Deno.test(`transformers.js generates the same texts: ${name}`, async () => {
    const files = await modelFiles(sizes);
    const parameters = new ParameterArrays(sizes, "matrices");
    decodeParameters(parameters, files["model.safetensors"], "model.safetensors");
    const models = [parameters, asQuantized(parameters, 8), asQuantized(parameters, 4)];
    const ours: string[][] = [];
    for (const model of models) ours.push(await greedyTexts(model, files, NEW_TOKENS));
    assert.equal(new Set(ours[0]).size, PROMPTS.length);
    assert.deepEqual(await theirTexts(parameters, files, ["fp32", "q8", "q4"]), ours);
  });
}

Deno.test("texts grow beyond max_position_embeddings, as in transformers", async () => {
  const files = await modelFiles(SIZES);
  const [parameters, longer] = [8, SIZES.max_position_embeddings].map((positions) => {
    const model = new ParameterArrays({ ...SIZES, max_position_embeddings: positions }, "matrices");
    decodeParameters(model, files["model.safetensors"], "model.safetensors");
    return model;
  });
  const [theirs] = await theirTexts(parameters, files, ["fp32"]);
  assert.deepEqual(theirs, await greedyTexts(longer, files, NEW_TOKENS));
});

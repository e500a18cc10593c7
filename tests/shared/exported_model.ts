/**
 * A small model with a real tokenizer, as the files of a checkpoint, and what of it tests of exports compare.
 *
 * @module
 */
import { Decoder, generate } from "../../core/generate/mod.ts";
import type { QuantizedMatrix } from "../../core/graph/mod.ts";
import {
  encodeParameters,
  hostWeights,
  initialize,
  ParameterArrays,
  toHuggingFace,
} from "../../core/model/mod.ts";
import { END_OF_TEXT, tokenizerFiles, trainByteLevelBpe } from "../../core/tokenizer/mod.ts";
import { loadTokenizer } from "../../core/tokenizer/mod.ts";

/** Sizes of a model; what is left out is as in Pythia. */
export type Sizes = ConstructorParameters<typeof ParameterArrays>[0];

export const SIZES = {
  // As many as the tokenizer has: ours generates no others, and the libraries know no such bound.
  vocab_size: 272,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 128,
  max_position_embeddings: 64,
  rotary_pct: 0.25,
  rotary_emb_base: 10000,
  layer_norm_eps: 1e-5,
  use_parallel_residual: true,
};

const TEXTS = ["the cat sat on the mat", "a dog ran over the hill", "what is nine plus five"];

/** Prompts of different lengths. */
export const PROMPTS = ["the cat", "what is nine plus", "a dog ran over the hill. A"];

/** The files of a checkpoint with random weights, large enough that greedy texts differ. */
export async function modelFiles(sizes: Sizes, seed = 1): Promise<Record<string, Uint8Array>> {
  const parameters = new ParameterArrays(sizes, "matrices");
  initialize(parameters, seed);
  for (const data of parameters.views.values()) data.forEach((value, i) => data[i] = 6 * value);
  const texts = (async function* () {
    yield* TEXTS;
  })();
  const options = { vocab_size: SIZES.vocab_size, min_frequency: 1, special_tokens: [END_OF_TEXT] };
  const tokenizer = tokenizerFiles(await trainByteLevelBpe(texts, options));
  const text = (content: string) => new TextEncoder().encode(content);
  return {
    "config.json": text(JSON.stringify(toHuggingFace(sizes))),
    "model.safetensors": encodeParameters(parameters),
    ...Object.fromEntries(Object.entries(tokenizer).map(([name, json]) => [name, text(json)])),
  };
}

/** Greedy texts of a model by our own generation. */
export async function greedyTexts(
  parameters: ParameterArrays,
  files: Readonly<Record<string, Uint8Array>>,
  max_new_tokens: number,
): Promise<string[]> {
  const decode = (name: string) => new TextDecoder().decode(files[name]);
  const tokenizer = await loadTokenizer(
    decode("tokenizer.json"),
    decode("tokenizer_config.json"),
  );
  const decoder = new Decoder({ batch_size: PROMPTS.length, threads: 1 });
  const prompts = PROMPTS.map((prompt) => ({ tokens: tokenizer.encode(prompt) }));
  const options = { temperature: 0, top_p: 1, seed: 0, max_new_tokens };
  const texts = await generate(decoder, hostWeights(parameters), tokenizer, prompts, options);
  await decoder.release();
  return texts.map(({ text }) => text);
}

/** The weight, float32 [out, in], that a quantized model computes with. */
export function dequantizeWeight(
  { codes, scales, blocks, block_size }: QuantizedMatrix,
  into: number,
  bits: 4 | 8,
): Float32Array {
  const zero = 2 ** (bits - 1), per_byte = 8 / bits, mask = 2 ** bits - 1;
  const rows = scales.length / blocks;
  const data = new Float32Array(rows * into);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < into; i++) {
      const at = row * blocks + Math.floor(i / block_size);
      const place = at * block_size + i % block_size;
      const code = codes[Math.floor(place / per_byte)] >> (bits * (place % per_byte)) % 8 & mask;
      data[row * into + i] = scales[at] * (code - zero);
    }
  }
  return data;
}

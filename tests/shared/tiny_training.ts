/**
 * Small synthetic inputs for tests of the training stages: a vocabulary of 64, and documents with learnable structure.
 *
 * @module
 */
import { encodeParameters, initialize, ParameterArrays, toHuggingFace } from "@causeway/core/model";
import { Random } from "@causeway/core/random";
import { answerSpans, type Batch, type ports } from "@causeway/core/stage";
import { model_schema, modelConfig } from "@causeway/core/train";

export const VOCAB_SIZE = 64;

type TokenBatch = Batch<typeof ports.tokens.columns>;

/** A tokenizer of 64 words, t0 to t63; t0 ends documents. */
export const TINY_TOKENIZER = {
  "tokenizer.json": JSON.stringify({
    added_tokens: [],
    normalizer: null,
    post_processor: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      vocab: Object.fromEntries(Array.from({ length: VOCAB_SIZE }, (_, id) => [`t${id}`, id])),
      merges: [],
    },
  }),
  "tokenizer_config.json": JSON.stringify({ eos_token: "t0" }),
};

/** A model of two layers. */
export const TINY_MODEL = {
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 32,
};

/**
 * The files of an untrained model without trainer state, like those of an imported model.
 *
 * @param head_scale factor of the output projection; with 0 all logits are equal
 */
export function tinyModel(seed: number, head_scale = 1): Record<string, string | Uint8Array> {
  const config = modelConfig(model_schema.parse(TINY_MODEL), VOCAB_SIZE);
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, seed);
  const head = parameters.get("embed_out.weight");
  head.forEach((weight, i) => head[i] = head_scale * weight);
  return {
    "config.json": JSON.stringify(toHuggingFace(config)),
    "model.safetensors": encodeParameters(parameters),
    ...TINY_TOKENIZER,
  };
}

interface SourceSpec {
  documents: number;
  /** Tokens follow x -> (stride x + 1) mod 63, so that each source is a different language. */
  stride: number;
  prompt_length?: number;
}

/** Documents of 9 to 24 tokens, the last of which is the end of text (id 0). */
export function tinyTokens(sources: Record<string, SourceSpec>): TokenBatch {
  const values: number[] = [], offsets = [0], names: string[] = [], prompts: number[] = [];
  for (const [source, { documents, stride, prompt_length = 0 }] of Object.entries(sources)) {
    for (let document = 0; document < documents; document++) {
      const random = new Random(1, source, document);
      const length = 8 + random.below(16);
      let token = random.below(63);
      for (let i = 0; i < length; i++) {
        values.push(1 + token);
        token = (stride * token + 1) % 63;
      }
      values.push(0);
      offsets.push(values.length);
      names.push(source);
      prompts.push(prompt_length);
    }
  }
  return {
    source: names,
    dataset: names,
    tokens: { values: Uint16Array.from(values), offsets: Int32Array.from(offsets) },
    loss_spans: answerSpans(Int32Array.from(offsets), prompts),
    text_bytes: Int32Array.from(names, (_, i) => 4 * (offsets[i + 1] - offsets[i])),
  };
}

/** Checks that two arrays are close. @throws {Error} with the largest difference. */
export function assertClose(a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number): void {
  if (a.length !== b.length) throw new Error(`lengths ${a.length} and ${b.length} differ`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  if (!(largest <= tolerance)) throw new Error(`arrays differ by ${largest}`);
}

/**
 * Writes tokenizer files in the Hugging Face format.
 *
 * @module
 */
import type { BpeModel } from "./train_bpe.ts";

/** Ends every document; id 0, as in Pythia's tokenizer. */
export const END_OF_TEXT = "<|endoftext|>";

/** The contents of the two files from which Hugging Face libraries load a tokenizer. */
export interface TokenizerFiles {
  readonly "tokenizer.json": string;
  readonly "tokenizer_config.json": string;
}

/**
 * The files of a trained model, as the Rust library saves one with a GPT-NeoX pre-tokenizer.
 *
 * Unlike Pythia's tokenizer it has no NFC normalizer, so that decoding restores every byte.
 *
 * @throws {Error} when the first token is not `<|endoftext|>`.
 */
export function tokenizerFiles(model: BpeModel): TokenizerFiles {
  if (model.vocabulary[0] !== END_OF_TEXT) {
    throw new Error(`the first token of the vocabulary must be ${END_OF_TEXT}`);
  }
  return {
    "tokenizer.json": JSON.stringify(tokenizerJson(model)) + "\n",
    "tokenizer_config.json": JSON.stringify(TOKENIZER_CONFIG, null, 2) + "\n",
  };
}

const TOKENIZER_CONFIG = {
  add_prefix_space: false,
  bos_token: END_OF_TEXT,
  clean_up_tokenization_spaces: false,
  eos_token: END_OF_TEXT,
  tokenizer_class: "GPTNeoXTokenizer",
  unk_token: END_OF_TEXT,
};

function tokenizerJson({ vocabulary, merges }: BpeModel) {
  const byte_level = { type: "ByteLevel", trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [{
      id: 0,
      content: END_OF_TEXT,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    }],
    normalizer: null,
    pre_tokenizer: { ...byte_level, add_prefix_space: false },
    post_processor: { ...byte_level, add_prefix_space: true },
    decoder: { ...byte_level, add_prefix_space: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
      merges,
    },
  };
}

/**
 * Writes tokenizer files in the Hugging Face format.
 *
 * @module
 */
import type { BpeModel } from "./train_bpe.ts";

/** Ends every document; id 0, as in Pythia's tokenizer. */
export const END_OF_TEXT = "<|endoftext|>";

/** The two files from which Hugging Face libraries load a tokenizer. */
export const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"] as const;

/** Their contents. */
export type TokenizerFiles = Readonly<Record<typeof TOKENIZER_FILES[number], string>>;

/** Reads the tokenizer of an artifact, such as a checkpoint or a tokenizer. */
export async function readTokenizerFiles(
  artifact: { text(name: string): Promise<string> },
): Promise<TokenizerFiles> {
  const [json, config] = await Promise.all(TOKENIZER_FILES.map((name) => artifact.text(name)));
  return { "tokenizer.json": json, "tokenizer_config.json": config };
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

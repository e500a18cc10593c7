/**
 * Reads and writes tokenizer files in the Hugging Face format.
 *
 * @module
 */
import { parseJsonFile } from "../config/mod.ts";
import { type BosSetting, withBos } from "./bos.ts";
import { parseDefinition } from "./definition.ts";
import { completeTokenizer, type FileTexts, TOKEN_SOURCES } from "./special_tokens.ts";
import { settings_schema } from "./shapes.ts";
import type { BpeModel } from "./train_bpe.ts";

/** Ends every document; id 0, as in Pythia's tokenizer. */
export const END_OF_TEXT = "<|endoftext|>";

/** The two files from which Hugging Face libraries load a tokenizer. */
export const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"] as const;

/** Their contents. */
export type TokenizerFiles = Readonly<Record<typeof TOKENIZER_FILES[number], string>>;

/** Files that are kept beside them where a model or tokenizer has them; a chat template may be in the config too. */
export const COMPANION_FILES = ["chat_template.jinja"] as const;

/** Files in a folder or an artifact. */
export interface TokenizerSource {
  /** If unknown, only the tokenizer's own files are read. */
  readonly names?: readonly string[];
  text(name: string): Promise<string>;
}

/** Texts of the files that special tokens are read from. */
export async function readTexts({ names, ...source }: TokenizerSource): Promise<FileTexts> {
  const wanted = [...TOKENIZER_FILES, ...(names ? [...COMPANION_FILES, ...TOKEN_SOURCES] : [])];
  const there = wanted.filter((name) => names?.includes(name) ?? true);
  const texts = await Promise.all(there.map(async (name) => [name, await source.text(name)]));
  return Object.fromEntries(texts);
}

/** What a recipe says of a tokenizer. */
export interface CompletionOptions {
  /** The token that ends a text. */
  readonly end_of_text?: string;
  /** Whether texts begin with the BOS token. */
  readonly bos?: BosSetting;
  /** Called with what was found elsewhere. */
  readonly log?: (line: string) => void;
}

/**
 * Reads the tokenizer of a folder or an artifact, such as a checkpoint. Special tokens that other files name are in the
 * result's `tokenizer_config.json`.
 *
 * @throws {Error} when there is no `tokenizer.json`, or the named token is unknown.
 */
export async function readTokenizerFiles(
  source: TokenizerSource,
  options: CompletionOptions = {},
): Promise<TokenizerFiles> {
  return completeFiles(await readTexts(source), options);
}

/** As {@linkcode readTokenizerFiles}, from texts. */
export function completeFiles(
  texts: FileTexts,
  { end_of_text, bos = "auto", log }: CompletionOptions = {},
): TokenizerFiles {
  if (texts["tokenizer.json"] === undefined) {
    throw new Error(noTokenizer(Object.keys(texts), "FOLDER"));
  }
  const { json, config, notes } = completeTokenizer(texts, end_of_text);
  if (log) notes.forEach(log);
  return setBos({ "tokenizer.json": json, "tokenizer_config.json": config }, bos);
}

/** Files whose post-processor adds the BOS token, or none; those that do keep their bytes. */
export function setBos(files: TokenizerFiles, bos: BosSetting): TokenizerFiles {
  const { "tokenizer.json": json, "tokenizer_config.json": config } = files;
  const definition = parseDefinition(json);
  const settings = parseJsonFile(config, "tokenizer_config.json", settings_schema);
  const set = withBos(definition, settings, bos);
  return {
    "tokenizer.json": set.definition === definition ? json : JSON.stringify(set.definition) + "\n",
    "tokenizer_config.json": set.settings === settings
      ? config
      : JSON.stringify(set.settings, null, 2) + "\n",
  };
}

/** Files of a tokenizer that `tokenizer.json` can be made of. */
export function tokenizerSources(names: readonly string[]): string[] {
  return names.filter((name) => /^(vocab\.json|merges\.txt|vocab\.txt|.*\.model)$/.test(name))
    .sort();
}

/** The message for a folder without `tokenizer.json`: what it has instead, and the command that makes one. */
export function noTokenizer(names: readonly string[], folder: string): string {
  const path = JSON.stringify(folder), others = tokenizerSources(names).join(" and ");
  const needs = names.includes("config.json") ? "" : ", which needs the model's config.json there";
  return `${folder} has no tokenizer.json${
    others && `, but ${others}`
  }; make it with transformers${needs} ` +
    "(pip install transformers sentencepiece tiktoken protobuf): python -c 'from transformers import " +
    `AutoTokenizer; AutoTokenizer.from_pretrained(${path}).save_pretrained(${path})'`;
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

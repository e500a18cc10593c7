/**
 * Loads a tokenizer from its files.
 *
 * @module
 */
import { parseJsonFile } from "../config/mod.ts";
import { prefixIds } from "./bos.ts";
import { ByteLevelCodec } from "./byte_level_codec.ts";
import { byteLevelDefinition, idCount, parseDefinition } from "./definition.ts";
import { completeFiles, readTexts, type TokenizerFiles, type TokenizerSource } from "./files.ts";
import { endOfTurnId } from "./chat/files.ts";
import { PipelineCodec } from "./pipeline/mod.ts";
import { type AddedToken, type Definition, settings_schema, type TokenSetting } from "./shapes.ts";
import { contentOf, type FileTexts, idOf, tokenIds } from "./special_tokens.ts";
import { makeTokenizer, type Tokenizer } from "./tokenizer.ts";

export interface TokenizerOptions {
  readonly kind?: "pipeline";
  readonly texts?: FileTexts;
  readonly parse_special_tokens?: boolean;
}

/**
 * Loads a Hugging Face tokenizer; ids and texts are those of Hugging Face's Rust library. Byte-level BPE as in GPT-2,
 * GPT-NeoX and Pythia works on bytes, and is faster; all others are made of the parts in `pipeline/`. The tokenizer's
 * `kind` says which.
 *
 * @param json content of `tokenizer.json`.
 * @param config content of `tokenizer_config.json`; its `eos_token` ends documents.
 * @param options.kind `pipeline` for every tokenizer, to compare.
 * @param options.texts files of the model, whose ids of special tokens count too.
 * @param options.parse_special_tokens false: control tokens that are written out in a text are encoded as the text that
 *   they are, as with `split_special_tokens` of transformers and `encode_special_tokens` of the Rust library.
 * @throws {Error} when a file is not valid JSON or not a tokenizer's, or the `eos_token` is unknown.
 */
// deno-lint-ignore require-await -- errors are rejections
export async function loadTokenizer(
  json: string,
  config: string,
  { kind, texts = {}, parse_special_tokens = true }: TokenizerOptions = {},
): Promise<Tokenizer> {
  const definition = parseDefinition(json);
  const settings = parseJsonFile(config, "tokenizer_config.json", settings_schema);
  const end_of_text = endOfText(definition, settings.eos_token);
  const bos = contentOf(settings.bos_token);
  const bos_token_id = bos === undefined ? undefined : idOf(definition, bos);
  const own = { ...texts, "tokenizer.json": json, "tokenizer_config.json": config };
  const end_of_turn = endOfTurnId(own, definition);
  const vocabulary = {
    vocab_size: idCount(definition),
    end_of_text,
    prefix_ids: prefixIds(definition),
    ...tokenIds(texts, { end_of_text, end_of_turn, bos_token_id }),
  };
  const plain = parse_special_tokens ? [] : controlTokens(definition, vocabulary.end_of_text);
  const plain_ids = plain.map(({ id }) => id);
  const byte_level = kind === "pipeline" ? undefined : byteLevelDefinition(definition);
  return byte_level === undefined
    ? makeTokenizer(new PipelineCodec(definition, plain), { kind: "pipeline", ...vocabulary })
    : makeTokenizer(new ByteLevelCodec(byte_level, plain_ids), {
      kind: "byte_level",
      ...vocabulary,
    });
}

/**
 * Loads the tokenizer of a folder or an artifact, such as a checkpoint or a tokenizer.
 *
 * @throws like {@linkcode loadTokenizer}.
 */
export async function openTokenizer(artifact: TokenizerSource): Promise<Tokenizer> {
  const texts = await readTexts(artifact), files = completeFiles(texts);
  return await loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"], { texts });
}

/**
 * The token that ends a text, without loading the tokenizer.
 *
 * @throws {Error} when no file names one, or it is not in the vocabulary.
 */
export function endOfTextId(files: TokenizerFiles): number {
  const config = files["tokenizer_config.json"];
  const { eos_token } = parseJsonFile(config, "tokenizer_config.json", settings_schema);
  return endOfText(parseDefinition(files["tokenizer.json"]), eos_token);
}

function endOfText(definition: Definition, eos_token: TokenSetting): number {
  const content = contentOf(eos_token);
  if (content === undefined) {
    throw new Error(
      "no end-of-text token: neither tokenizer_config.json nor another file names an eos_token; add it there, or set " +
        "end_of_text in the recipe's import stage",
    );
  }
  const id = idOf(definition, content);
  if (id !== undefined) return id;
  throw new Error(`the eos_token "${content}" of tokenizer_config.json is not in the vocabulary`);
}

/** The added tokens that control a model: those marked as special, and the end of text. */
function controlTokens({ added_tokens = [] }: Definition, end_of_text: number): AddedToken[] {
  return added_tokens.filter(({ id, special }) => special || id === end_of_text);
}

/**
 * Embedding rows that a model needs for a tokenizer: one more than the largest id, added tokens included.
 *
 * @param tokenizer_json content of `tokenizer.json`.
 * @throws {Error} when it is not valid JSON or has no vocabulary.
 */
export function vocabularySize(tokenizer_json: string): number {
  return idCount(parseDefinition(tokenizer_json));
}

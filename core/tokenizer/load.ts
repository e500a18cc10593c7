/**
 * Loads a tokenizer from its files. The only module that imports `@huggingface/transformers`.
 *
 * @module
 */
import { z } from "zod";
import { ByteLevelCodec, TokenFinder } from "./byte_level_codec.ts";
import { type AddedToken, byteLevelDefinition, type Definition, idCount } from "./definition.ts";
import {
  completeFiles,
  parseJson as parse,
  readTexts,
  type TokenizerFiles,
  type TokenizerSource,
} from "./files.ts";
import { contentOf, type FileTexts, idOf, tokenIds, type TokenSetting } from "./special_tokens.ts";
import { type Codec, makeTokenizer, type Tokenizer } from "./tokenizer.ts";

export interface TokenizerOptions {
  readonly kind?: "library";
  readonly texts?: FileTexts;
  readonly parse_special_tokens?: boolean;
}

/**
 * Loads a Hugging Face tokenizer. Byte-level BPE as in GPT-2, GPT-NeoX and Pythia is implemented here and gives the ids
 * of Hugging Face's Rust tokenizers; all others use `@huggingface/transformers`. The tokenizer's `kind` says which.
 *
 * @param json content of `tokenizer.json`.
 * @param config content of `tokenizer_config.json`; its `eos_token` ends documents.
 * @param options.kind `library` uses the library for every tokenizer.
 * @param options.texts files of the model, whose ids of special tokens count too.
 * @param options.parse_special_tokens false: control tokens that are written out in a text are encoded as the text that
 *   they are, as with `split_special_tokens` of transformers and `encode_special_tokens` of the Rust library.
 * @throws {Error} when a file is not valid JSON or not a tokenizer's, or the `eos_token` is unknown.
 */
export async function loadTokenizer(
  json: string,
  config: string,
  { kind, texts = {}, parse_special_tokens = true }: TokenizerOptions = {},
): Promise<Tokenizer> {
  const definition = parse<Definition>(json, "tokenizer.json");
  const settings = parse<{ eos_token?: TokenSetting; bos_token?: TokenSetting }>(
    config,
    "tokenizer_config.json",
  );
  if (typeof definition?.model?.vocab !== "object") {
    throw new Error(
      "tokenizer.json has no vocabulary (model.vocab); is it a Hugging Face tokenizer?",
    );
  }
  const end_of_text = endOfText(definition, settings.eos_token);
  const bos = contentOf(settings.bos_token);
  const bos_token_id = bos === undefined ? undefined : idOf(definition, bos);
  const vocabulary = {
    vocab_size: idCount(definition),
    end_of_text,
    ...tokenIds(texts, { end_of_text, bos_token_id }, parse),
  };
  const plain = parse_special_tokens ? [] : controlTokens(definition, vocabulary.end_of_text);
  const byte_level = kind === "library" ? undefined : byteLevelDefinition(definition);
  return byte_level === undefined
    ? makeTokenizer(await libraryCodec(definition, settings, plain), {
      kind: "library",
      ...vocabulary,
    })
    : makeTokenizer(new ByteLevelCodec(byte_level, plain.map(({ id }) => id)), {
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
  const { eos_token } = parse<{ eos_token?: TokenSetting }>(
    files["tokenizer_config.json"],
    "tokenizer_config.json",
  );
  return endOfText(parse<Definition>(files["tokenizer.json"], "tokenizer.json"), eos_token);
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
 * A codec that uses the library's tokenizer.
 *
 * @param plain added tokens that are encoded as text: for this the library gets a tokenizer without them.
 */
async function libraryCodec(
  definition: Definition,
  settings: object,
  plain: readonly AddedToken[],
): Promise<Codec> {
  const { PreTrainedTokenizer } = await importTransformers();
  // The library knows tokens as objects only with a "__type".
  const known = Object.fromEntries(
    Object.entries(settings).map(([key, value]) =>
      key.endsWith("_token") ? [key, contentOf(value) ?? null] : [key, value]
    ),
  );
  const encoder = new PreTrainedTokenizer(withoutTokens(definition, plain), known);
  let complete = plain.length === 0 ? encoder : undefined;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const finder = new TokenFinder(plain);
  const options = { skip_special_tokens: false, clean_up_tokenization_spaces: false };
  const codec: Codec = {
    left_as_text: 0,
    encodeInto(bytes, out) {
      for (let at = 0; !finder.is_empty && finder.find(bytes, at, bytes.length); at = finder.end) {
        codec.left_as_text++;
      }
      const ids = encoder.encode(decoder.decode(bytes), { add_special_tokens: false });
      out.append(ids, 0, ids.length);
    },
    decode(ids) {
      complete ??= new PreTrainedTokenizer(definition, known);
      return ids.length === 0 ? "" : complete.decode(Array.from(ids), options);
    },
  };
  return codec;
}

/** In place of a token that no text may match: a character that no text has (the last one of a private plane). */
const UNMATCHED = "\u{10fffd}";

/**
 * A tokenizer that does not find some tokens in texts: neither as added tokens nor, as Unigram models do, in the
 * vocabulary. The token for unknown words stays, since the model needs it.
 */
function withoutTokens(definition: Definition, tokens: readonly AddedToken[]): Definition {
  if (tokens.length === 0) return definition;
  const { model } = definition;
  const { unk_id, unk_token } = model as { unk_id?: number; unk_token?: string };
  const hidden = new Set(
    tokens.filter(({ id, content }) => id !== unk_id && content !== unk_token).map(({ id }) => id),
  );
  const nameOf = (token: string, id: number) => hidden.has(id) ? `${UNMATCHED}${id}` : token;
  const vocab = Array.isArray(model.vocab)
    ? model.vocab.map(([token, score], id) => [nameOf(token, id), score])
    : Object.fromEntries(
      Object.entries(model.vocab).map(([token, id]) => [nameOf(token, id), id]),
    );
  return {
    ...definition,
    model: { ...model, vocab: vocab as Definition["model"]["vocab"] },
    added_tokens: definition.added_tokens?.filter((token) => !tokens.includes(token)),
  };
}

/**
 * The library is loaded on first use, because it is large. Where `location` is defined it assumes a web page and builds
 * URLs from its origin, which fails in a worker started from a file, so `location` is hidden while it loads.
 */
async function importTransformers() {
  const location = Object.getOwnPropertyDescriptor(globalThis, "location");
  if (location) Reflect.deleteProperty(globalThis, "location");
  try {
    return await import("@huggingface/transformers");
  } finally {
    if (location) Object.defineProperty(globalThis, "location", location);
  }
}

const id = z.int().nonnegative();
const schema = z.object({
  model: z.object({
    vocab: z.union([z.record(z.string(), id), z.array(z.tuple([z.string(), z.number()]))]),
  }),
  added_tokens: z.array(z.object({ id })).default([]),
});

/**
 * Embedding rows that a model needs for a tokenizer: one more than the largest id, added tokens included.
 *
 * @param tokenizer_json content of `tokenizer.json`.
 * @throws {Error} when it is not valid JSON or has no vocabulary.
 */
export function vocabularySize(tokenizer_json: string): number {
  const json = parse<unknown>(tokenizer_json, "tokenizer.json");
  const { success, data } = schema.safeParse(json);
  if (!success) throw new Error("tokenizer.json has no vocabulary (model.vocab)");
  return idCount(data);
}

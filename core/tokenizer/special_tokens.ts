/**
 * The tokens that begin and end a text, from all files that Hugging Face libraries read them from.
 *
 * @module
 */
import { counted } from "../words/mod.ts";
import type { z } from "zod";
import { parseJsonFile } from "../config/mod.ts";
import { idCount, parseDefinition } from "./definition.ts";
import {
  type AddedToken,
  type Definition,
  ids_schema,
  type ModelIds,
  type Settings,
  settings_schema,
  type TokenSetting,
} from "./shapes.ts";

/** Texts of files by name; those that are not there are undefined. */
export type FileTexts = Readonly<Partial<Record<string, string>>>;

/** Files that special tokens are read from, beside those of the tokenizer. */
export const TOKEN_SOURCES = [
  "special_tokens_map.json",
  "config.json",
  "generation_config.json",
] as const;

/** Defaults of transformers' tokenizer classes, without "Fast". */
const CLASS_EOS: Readonly<Record<string, string>> = {
  GPT2Tokenizer: "<|endoftext|>",
  GPTNeoXTokenizer: "<|endoftext|>",
  CodeGenTokenizer: "<|endoftext|>",
  Qwen2Tokenizer: "<|endoftext|>",
  LlamaTokenizer: "</s>",
  T5Tokenizer: "</s>",
  RobertaTokenizer: "</s>",
  BloomTokenizer: "</s>",
  GemmaTokenizer: "<eos>",
};

/** Names that say what they are; taken where a tokenizer has one of them, and nothing else says which token it is. */
const EOS_NAMES = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"];

/** The content of a token in a settings file. */
export const contentOf = (token: TokenSetting): string | undefined =>
  (typeof token === "object" ? token?.content : token) ?? undefined;

/** The two files of a tokenizer, complete, and what was found elsewhere, a line each. */
export interface CompletedFiles {
  readonly json: string;
  readonly config: string;
  readonly notes: readonly string[];
}

/**
 * Completes a tokenizer's files, so that `tokenizer_config.json` names the end-of-text token and `tokenizer.json` has all
 * added tokens. Files that are complete keep their bytes.
 *
 * @param end_of_text the token that ends a text, where a recipe names it.
 * @throws {Error} when no file names a token that ends a text, or the named one is unknown.
 */
export function completeTokenizer(
  texts: FileTexts,
  end_of_text: string | undefined,
): CompletedFiles {
  const json = texts["tokenizer.json"]!;
  const definition = parseDefinition(json);
  const settings = readIn(texts, "tokenizer_config.json", settings_schema) ?? {};
  const added = missingTokens(definition, settings);
  const complete = added.length === 0
    ? definition
    : { ...definition, added_tokens: [...definition.added_tokens ?? [], ...added] };
  const map = readIn(texts, "special_tokens_map.json", settings_schema) ?? {};
  const eos = end_of_text === undefined
    ? findEos(complete, settings, map, texts)
    : { content: named(complete, end_of_text), from: "the recipe" };
  // Where both name a token, transformers takes that of the map.
  const mapped = Object.entries(map).filter(([key, token]) =>
    token !== null && !sameToken(token, settings[key as keyof Settings])
  ).map(([key, token]) => [key, contentOf(token as TokenSetting) ?? token]);
  const is_known = eos?.from === "tokenizer_config.json" && mapped.length === 0;
  const notes = [
    ...(added.length > 0
      ? [
        `tokenizer.json lacks ${
          counted(added.length, "added token")
        } of tokenizer_config.json: added to it`,
      ]
      : []),
    ...(eos && eos.from !== "tokenizer_config.json" && eos.from !== "the recipe"
      ? [`end-of-text token ${eos.content}: ${eos.from}`]
      : []),
  ];
  return {
    json: added.length === 0 ? json : JSON.stringify(complete) + "\n",
    config: is_known && texts["tokenizer_config.json"] !== undefined
      ? texts["tokenizer_config.json"]
      : JSON.stringify(
        { ...settings, ...Object.fromEntries(mapped), ...(eos && { eos_token: eos.content }) },
        null,
        2,
      ) + "\n",
    notes,
  };
}

/** A file's content; undefined where it is not there. @throws {Error} when it has another shape. */
function readIn<T>(texts: FileTexts, name: string, schema: z.ZodType<T>): T | undefined {
  const text = texts[name];
  return text === undefined ? undefined : parseJsonFile(text, name, schema);
}

/** Tokens of `added_tokens_decoder` that `tokenizer.json` lacks; transformers adds them. */
function missingTokens(definition: Definition, { added_tokens_decoder }: Settings): AddedToken[] {
  const { added_tokens = [] } = definition;
  const known = new Set(added_tokens.map(({ id }) => id));
  let next = idCount(definition);
  return Object.entries(added_tokens_decoder ?? {}).sort(([a], [b]) => Number(a) - Number(b))
    .filter(([id, { content }]) =>
      !known.has(Number(id)) && idOf(definition, content) !== Number(id)
    )
    .map(([key, token]) => {
      const id = Number(key);
      if (id !== next++) {
        throw new Error(
          `tokenizer_config.json has the added token "${token.content}" with id ${id}, but tokenizer.json lacks the ids ` +
            `before it; save both files again in Python: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)`,
        );
      }
      return { id, ...token };
    });
}

const sameToken = (a: unknown, b: unknown) =>
  JSON.stringify(contentOf(a as TokenSetting) ?? a) ===
    JSON.stringify(contentOf(b as TokenSetting) ?? b);

function named(definition: Definition, content: string): string {
  if (idOf(definition, content) !== undefined) return content;
  throw new Error(`end_of_text "${content}" is not a token of tokenizer.json`);
}

/** The id of a token; added tokens first. */
export function idOf(
  { model, added_tokens = [] }: Definition,
  content: string,
): number | undefined {
  const { vocab } = model;
  const in_vocab = Array.isArray(vocab)
    ? vocab.findIndex(([token]) => token === content)
    : Object.hasOwn(vocab, content)
    ? vocab[content]
    : -1;
  return added_tokens.find((token) => token.content === content)?.id ??
    (in_vocab < 0 ? undefined : in_vocab);
}

function findEos(
  definition: Definition,
  settings: Settings,
  map: Settings,
  texts: FileTexts,
): { content: string; from: string } | undefined {
  const own = contentOf(settings.eos_token), mapped = contentOf(map.eos_token);
  if (mapped !== undefined && mapped !== own) {
    return { content: mapped, from: "named in special_tokens_map.json" };
  }
  if (own !== undefined) return { content: own, from: "tokenizer_config.json" };
  for (const name of ["generation_config.json", "config.json"]) {
    const [id] = eosIds(readIn(texts, name, ids_schema));
    const content = id === undefined ? undefined : tokenOf(definition, id);
    if (content !== undefined) return { content, from: `eos_token_id of ${name}` };
  }
  const type = settings.tokenizer_class?.replace(/Fast$/, "") ?? "";
  const by_class = Object.hasOwn(CLASS_EOS, type) ? CLASS_EOS[type] : undefined;
  if (by_class !== undefined && idOf(definition, by_class) !== undefined) {
    return { content: by_class, from: `the default of ${type}` };
  }
  const special = (definition.added_tokens ?? []).map(({ content }) => content);
  const by_name = EOS_NAMES.filter((name) => special.includes(name));
  if (by_name.length === 1) {
    const from =
      "guessed by its name, because no file names one; end_of_text in the recipe chooses another";
    return { content: by_name[0], from };
  }
}

function tokenOf(
  { model: { vocab }, added_tokens = [] }: Definition,
  id: number,
): string | undefined {
  const added = added_tokens.find((token) => token.id === id)?.content;
  if (added !== undefined) return added;
  return Array.isArray(vocab)
    ? vocab[id]?.[0]
    : Object.entries(vocab).find(([, known]) => known === id)?.[0];
}

function eosIds(ids: ModelIds | undefined): number[] {
  return [ids?.eos_token_id ?? []].flat().filter((id) => Number.isInteger(id) && id >= 0);
}

/** Ids of the tokens that begin, end and pad a text. */
export interface TokenIds {
  /** Undefined where texts have no beginning token. */
  readonly bos_token_id?: number;
  /** All ids that end a generated text; at least one. */
  readonly eos_token_ids: readonly number[];
  readonly pad_token_id?: number;
}

/**
 * The ids of a model: those of its `config.json` and `generation_config.json`, and those of its tokenizer.
 *
 * @param end_of_text that of the tokenizer, which documents end with in training.
 * @param end_of_turn that of the chat template, which answers end with.
 */
export function tokenIds(
  texts: FileTexts,
  { end_of_text, end_of_turn = end_of_text, bos_token_id }: {
    end_of_text: number;
    end_of_turn?: number;
    bos_token_id?: number;
  },
): TokenIds {
  const configs = ["config.json", "generation_config.json"]
    .map((name) => readIn(texts, name, ids_schema)).filter((ids) => ids !== undefined);
  const first = (key: "bos_token_id" | "pad_token_id") =>
    configs.map((config) => config[key]).find((id) => Number.isInteger(id) && id! >= 0) ??
      undefined;
  const bos = first("bos_token_id") ?? bos_token_id, pad = first("pad_token_id");
  return {
    ...(bos !== undefined && { bos_token_id: bos }),
    eos_token_ids: [...new Set([...configs.flatMap(eosIds), end_of_text, end_of_turn])],
    ...(pad !== undefined && { pad_token_id: pad }),
  };
}

/** A `config.json` or `generation_config.json` with the ids, in the places of the given ones. */
export function withTokenIds<C extends object>(config: C, ids: TokenIds): C {
  const { bos_token_id = null, eos_token_ids, pad_token_id } = ids;
  const eos_token_id = eos_token_ids.length === 1 ? eos_token_ids[0] : eos_token_ids;
  return {
    ...config,
    bos_token_id,
    eos_token_id,
    ...(pad_token_id !== undefined && { pad_token_id }),
  };
}

/**
 * Loading a tokenizer through `@huggingface/transformers`; the only file that imports it.
 *
 * @module
 */
import { splitWords } from "./byte_level.ts";

/** Text to token ids and back. */
export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocab_size: number;
  /** Id of the token that ends a document. */
  readonly end_of_text: number;
  /** Ids of a text; nothing is added before or after it. */
  encode(text: string): number[];
  /** Text of ids, special tokens written out. */
  decode(ids: readonly number[]): string;
}

interface AddedToken {
  id: number;
  content: string;
  single_word?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
  normalized?: boolean;
}

/** The parts of `tokenizer.json` that matter here. */
interface Definition {
  added_tokens?: AddedToken[];
  normalizer?: unknown;
  pre_tokenizer?: { type: string; add_prefix_space?: boolean; use_regex?: boolean } | null;
  model: { type?: string; vocab: Record<string, number> };
}

/**
 * Loads a Hugging Face tokenizer.
 *
 * @param json content of `tokenizer.json`
 * @param config content of `tokenizer_config.json`; its `eos_token` ends documents
 * @throws {Error} when either is not JSON or not of a tokenizer, or the `eos_token` is unknown.
 */
export async function loadTokenizer(json: string, config: string): Promise<Tokenizer> {
  const definition = parse<Definition>(json, "tokenizer.json");
  const settings = parse<{ eos_token?: string | { content: string } }>(
    config,
    "tokenizer_config.json",
  );
  if (typeof definition.model?.vocab !== "object") {
    throw new Error(
      "tokenizer.json holds no model with a vocabulary; is it a Hugging Face tokenizer?",
    );
  }
  const { PreTrainedTokenizer } = await importTransformers();
  const tokenizer = new PreTrainedTokenizer(definition, settings);
  const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false });
  const options = { skip_special_tokens: false, clean_up_tokenization_spaces: false };
  return {
    vocab_size: largestId(definition) + 1,
    end_of_text: endOfText(definition, settings.eos_token),
    encode: isPlainByteLevel(definition) ? cachedByWord(definition, encode) : encode,
    decode: (ids) => ids.length === 0 ? "" : tokenizer.decode([...ids], options),
  };
}

/**
 * The library is loaded when it is first needed, because it is large. It takes a defined `location` for a sign of
 * a web page and builds URLs from its origin, which a worker started from a file does not have; so `location`
 * is hidden while it loads.
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

function parse<T>(text: string, name: string): T {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is not valid JSON (${(error as Error).message})`);
  }
}

function largestId({ model, added_tokens = [] }: Definition): number {
  let largest = -1;
  for (const id of Object.values(model.vocab)) largest = Math.max(largest, id);
  for (const { id } of added_tokens) largest = Math.max(largest, id);
  return largest;
}

function endOfText(
  { model, added_tokens = [] }: Definition,
  eos_token: string | { content: string } | undefined,
): number {
  const content = typeof eos_token === "object" ? eos_token?.content : eos_token;
  if (content === undefined) throw new Error("tokenizer_config.json names no eos_token");
  const id = added_tokens.find((token) => token.content === content)?.id ?? model.vocab[content];
  if (id === undefined) {
    throw new Error(
      `tokenizer_config.json names the eos_token "${content}", which is not in the vocabulary`,
    );
  }
  return id;
}

/** Whether words are tokenized one by one, whatever stands around them, and split as `splitWords` does. */
function isPlainByteLevel({ normalizer, pre_tokenizer, added_tokens = [] }: Definition): boolean {
  return (normalizer ?? null) === null && pre_tokenizer?.type === "ByteLevel" &&
    pre_tokenizer.add_prefix_space === false && pre_tokenizer.use_regex !== false &&
    added_tokens.every((t) => !t.single_word && !t.lstrip && !t.rstrip && !t.normalized);
}

/** Distinct words kept; a corpus of some megabytes has well under this. */
const MAX_CACHED_WORDS = 200_000;

/**
 * Tokenizes each distinct word once. Several times as fast as tokenizing running text, with the same ids,
 * since byte-pair merges never reach across words.
 */
function cachedByWord(
  { added_tokens = [] }: Definition,
  encodeWord: (word: string) => number[],
): (text: string) => number[] {
  const cache = new Map<string, readonly number[]>();
  const added = new Map(added_tokens.map(({ content, id }) => [content, id]));
  const lookUp = (word: string): readonly number[] => {
    let ids = cache.get(word);
    if (ids === undefined) {
      ids = encodeWord(word);
      if (cache.size < MAX_CACHED_WORDS) cache.set(word, ids);
    }
    return ids;
  };
  return (text) => {
    const all: number[] = [];
    for (const part of splitAt([...added.keys()], text)) {
      const id = added.get(part);
      if (id !== undefined) all.push(id);
      else for (const word of splitWords(part)) for (const piece of lookUp(word)) all.push(piece);
    }
    return all;
  };
}

/** Cuts a text at given strings, which stay as parts of their own. */
function splitAt(marks: readonly string[], text: string): string[] {
  if (!marks.some((mark) => text.includes(mark))) return [text];
  const longest_first = marks.toSorted((a, b) => b.length - a.length);
  const pattern = longest_first.map((mark) => RegExp.escape(mark)).join("|");
  return text.split(new RegExp(`(${pattern})`)).filter((part) => part !== "");
}

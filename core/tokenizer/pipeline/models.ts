/**
 * Models of `tokenizer.json`: a word to ids.
 *
 * @module
 */
import { type Merge, WordMerger } from "../bpe_merge.ts";
import { TokenBuffer } from "../buffers.ts";
import { flag, make, type Makers, type Part, textSetting, wholeNumber } from "./settings.ts";
import { unigram } from "./unigram.ts";
import { byteIds, type Model, refuseUnknown, vocabulary } from "./vocabulary.ts";

/** @throws {Error} for a model that is not supported, or contradicts itself. */
export function makeModel(part: Part): Model {
  const type = part.type ?? typeOf(part);
  return cached(make("model", { ...part, type }, MODELS));
}

/** Old files do not name the type. */
function typeOf({ vocab, merges, continuing_subword_prefix }: Part): string {
  if (Array.isArray(vocab)) return "Unigram";
  if (merges !== undefined) return "BPE";
  return continuing_subword_prefix === undefined ? "WordLevel" : "WordPiece";
}

const MODELS: Makers<Model> = {
  BPE: bpe,
  Unigram: unigram,
  WordLevel: wordLevel,
  WordPiece: wordPiece,
};

/** Longer words are not cached, and the cache is cleared when it has this many. */
const MAX_CACHED = 256;
const MAX_WORDS = 1 << 17;

function cached(model: Model): Model {
  const known = new Map<string, readonly number[]>();
  return (word) => {
    if (word.length > MAX_CACHED) return model(word);
    const found = known.get(word);
    if (found !== undefined) return found;
    if (known.size === MAX_WORDS) known.clear();
    const ids = model(word);
    known.set(word, ids);
    return ids;
  };
}

/** Id of the token for what is not in the vocabulary; undefined if there is none. */
function unknownId(part: Part, ids: ReadonlyMap<string, number>): number | undefined {
  if (part.unk_token === undefined || part.unk_token === null) return undefined;
  const token = textSetting(part, "unk_token"), id = ids.get(token);
  if (id !== undefined) return id;
  throw new Error(
    `tokenizer.json: the unk_token ${JSON.stringify(token)} is not in the vocabulary`,
  );
}

function wordLevel(part: Part): Model {
  const ids = vocabulary(part), unknown = unknownId({ unk_token: "<unk>", ...part }, ids);
  return (word) => [ids.get(word) ?? unknown ?? refuseUnknown("WordLevel", word)];
}

/** The longest token that a word begins with, then the longest of the rest with a prefix (Schuster & Nakajima 2012). */
function wordPiece(part: Part): Model {
  const ids = vocabulary(part), unknown = unknownId({ unk_token: "[UNK]", ...part }, ids);
  const prefix = textSetting(part, "continuing_subword_prefix", "##");
  const longest_word = wholeNumber(part, "max_input_chars_per_word", 0, 100);
  const longest_token = Math.max(...Array.from(ids.keys(), (token) => token.length), 0);
  const none = (word: string) => [unknown ?? refuseUnknown("WordPiece", word)];
  return (word) => {
    if (Array.from(word).length > longest_word) return none(word);
    const result: number[] = [];
    for (let start = 0; start < word.length;) {
      const lead = start > 0 ? prefix : "";
      let end = Math.min(word.length, start + longest_token), id: number | undefined;
      for (; end > start; end--) {
        id = ids.get(lead + word.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return none(word);
      result.push(id);
      start = end;
    }
    return result;
  };
}

function bpe(part: Part): Model {
  if (part.dropout) {
    throw new Error(
      `tokenizer.json: model.dropout ${part.dropout} makes every encoding random; set it to null`,
    );
  }
  const ids = vocabulary(part), unknown = unknownId(part, ids);
  const prefix = textSetting(part, "continuing_subword_prefix", "");
  const suffix = textSetting(part, "end_of_word_suffix", "");
  const fuse = flag(part, "fuse_unk", false), byte_fallback = flag(part, "byte_fallback", false);
  const ignore_merges = flag(part, "ignore_merges", false);
  const merger = new WordMerger([], readMerges(part, ids, prefix));
  const out = new TokenBuffer(2 ** 31);
  return (word) => {
    const whole = ignore_merges ? ids.get(word) : undefined;
    if (whole !== undefined) return [whole];
    const symbols = symbolsOf(word, { ids, unknown, prefix, suffix, fuse, byte_fallback });
    if (symbols.length < 2) return symbols;
    out.clear();
    merger.mergeIds(symbols, out);
    return Array.from(out.slice());
  };
}

interface SymbolOptions {
  readonly ids: ReadonlyMap<string, number>;
  readonly unknown: number | undefined;
  readonly prefix: string;
  readonly suffix: string;
  readonly fuse: boolean;
  readonly byte_fallback: boolean;
}

/**
 * The ids of the characters of a word, which are then merged. The order of events is that of `BPE::merge_word` in
 * tokenizers 0.23: an unknown character is held back, to be fused with those after it.
 */
function symbolsOf(word: string, options: SymbolOptions): number[] {
  const { ids, unknown, prefix, suffix, fuse, byte_fallback } = options;
  const symbols: number[] = [];
  let held: number | undefined, at = 0;
  for (const character of word) {
    const lead = at > 0 ? prefix : "";
    at += character.length;
    const symbol = lead + character + (at === word.length ? suffix : "");
    const id = ids.get(symbol);
    if (id !== undefined) {
      if (held !== undefined) symbols.push(held);
      held = undefined;
      symbols.push(id);
      continue;
    }
    const bytes = byte_fallback ? byteIds(symbol, ids) : undefined;
    if (bytes !== undefined) symbols.push(...bytes);
    else if (unknown !== undefined) {
      if (held !== undefined && !fuse) symbols.push(held);
      held = unknown;
    }
  }
  if (held !== undefined) symbols.push(held);
  return symbols;
}

/** @throws {Error} for a merge of tokens that are not in the vocabulary. */
function readMerges(part: Part, ids: ReadonlyMap<string, number>, prefix: string): Merge[] {
  const list = (part.merges ?? []) as (string | [string, string])[];
  return list.map((merge) => {
    const [left, right, ...more] = typeof merge === "string" ? merge.split(" ") : merge;
    const merged = right === undefined || more.length > 0
      ? undefined
      : ids.get(left + right.slice(prefix.length));
    const left_id = ids.get(left), right_id = ids.get(right);
    if (left_id !== undefined && right_id !== undefined && merged !== undefined) {
      return [left_id, right_id, merged];
    }
    throw new Error(
      `tokenizer.json: the merge ${
        JSON.stringify(merge)
      } needs tokens that are not in the vocabulary`,
    );
  });
}

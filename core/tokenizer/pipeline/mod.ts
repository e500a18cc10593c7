/**
 * Any tokenizer that a `tokenizer.json` describes: added tokens, normalizer, pre-tokenizer, model and decoder. Ids and texts
 * equal those of Hugging Face's Rust library 0.23 (tests/parity/make_tokenizer_parts_fixtures.py); a part that is not
 * supported is refused by its name.
 *
 * @module
 */
import type { TokenBuffer } from "../buffers.ts";
import type { AddedToken, Definition } from "../shapes.ts";
import type { Codec } from "../codec.ts";
import { AddedTokenFinder } from "./added_tokens.ts";
import { makeDecoder, type TokenDecoder } from "./decoders.ts";
import { makeModel } from "./models.ts";
import { makeNormalizer, type Normalizer } from "./normalizers.ts";
import { makePreTokenizer, type PreTokenizer } from "./pre_tokenizers.ts";
import type { Part } from "./settings.ts";
import { type Model, vocabulary, withoutTokens } from "./vocabulary.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class PipelineCodec implements Codec {
  readonly #tokens: (string | undefined)[] = [];
  readonly #raw: AddedTokenFinder;
  readonly #normalized: AddedTokenFinder;
  readonly #normalize: Normalizer;
  readonly #preTokenize: PreTokenizer;
  readonly #model: Model;
  readonly #decode: TokenDecoder | undefined;

  /**
   * @param plain_tokens added tokens that are encoded as the text that they are.
   * @throws {Error} for a part that is not supported, or an id that the Rust library would not give.
   */
  constructor(
    { added_tokens = [], ...definition }: Definition,
    plain_tokens: readonly AddedToken[] = [],
  ) {
    const model = definition.model as Part, ids = vocabulary(model);
    this.#normalize = definition.normalizer
      ? makeNormalizer(definition.normalizer as Part)
      : (text) => text;
    this.#preTokenize = definition.pre_tokenizer
      ? makePreTokenizer(definition.pre_tokenizer as Part)
      : (text) => [text];
    this.#model = makeModel(withoutTokens(model, plain_tokens));
    this.#decode = definition.decoder ? makeDecoder(definition.decoder as Part) : undefined;
    const isNormalized = ({ normalized, special }: { normalized?: boolean; special?: boolean }) =>
      normalized ?? !special;
    const plain = new Set(plain_tokens.map(({ id }) => id));
    this.#raw = new AddedTokenFinder(added_tokens.filter((token) => !isNormalized(token)), plain);
    this.#normalized = new AddedTokenFinder(
      added_tokens.filter(isNormalized),
      plain,
      this.#normalize,
    );
    assertRustIds(added_tokens, ids);
    assertPlaces(definition);
    for (const [token, id] of ids) this.#tokens[id] = token;
    for (const { id, content } of added_tokens) this.#tokens[id] = content;
  }

  get left_as_text(): number {
    return this.#raw.left_as_text + this.#normalized.left_as_text;
  }

  encodeInto(bytes: Uint8Array, out: TokenBuffer): void {
    const text = decoder.decode(bytes);
    if (text === "") return;
    for (const { id, text: part, start } of this.#raw.split(text)) {
      if (id === undefined) this.#encodePart(part, start === 0, out);
      else out.push(id);
    }
  }

  #encodePart(part: string, is_first: boolean, out: TokenBuffer): void {
    const text = this.#normalize(part);
    if (text === "") return;
    const begins = is_first && (text[0] === part[0] || this.#keepsFirst(part));
    for (const { id, text: piece, start } of this.#normalized.split(text)) {
      if (id !== undefined) {
        out.push(id);
        continue;
      }
      for (const word of this.#preTokenize(piece, begins && start === 0)) {
        if (word === "") continue;
        const ids = this.#model(word);
        out.append(ids, 0, ids.length);
      }
    }
  }

  /** Whether the normalizer keeps the first character of a text, or puts something in its place. */
  #keepsFirst(text: string): boolean {
    const first = String.fromCodePoint(text.codePointAt(0)!);
    return this.#normalize(`${first}a`) !== this.#normalize("a");
  }

  decode(ids: ArrayLike<number>): string {
    const tokens: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const token = this.#tokens[ids[i]];
      if (token !== undefined) tokens.push(token);
    }
    return this.#decode ? this.#decode(tokens).join("") : tokens.join(" ");
  }
}

/** @throws {Error} for an added token whose id the Rust library would not take from the file. */
function assertRustIds(tokens: readonly AddedToken[], ids: ReadonlyMap<string, number>): void {
  let next = ids.size;
  for (const { id, content } of tokens) {
    const expected = ids.get(content) ?? next;
    if (id !== expected) {
      throw new Error(
        `tokenizer.json has the added token "${content}" at id ${id}, and Hugging Face's library would load it at id ` +
          `${expected}; save the tokenizer again in Python: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)`,
      );
    }
    next = Math.max(next, expected + 1);
  }
}

/**
 * Where a piece starts in the original text, `prepend_scheme: "first"` depends on: it is known here for the first
 * pre-tokenizer, and after others where no normalizer makes one character several.
 *
 * @throws {Error} for a combination for which it is not known.
 */
function assertPlaces({ normalizer, pre_tokenizer }: Omit<Definition, "added_tokens">): void {
  if (!normalizer || !pre_tokenizer) return;
  const [, ...others] = steps(pre_tokenizer as Part);
  if (others.every((part) => part.type !== "Metaspace" || part.prepend_scheme !== "first")) return;
  throw new Error(
    'tokenizer.json: a Metaspace pre-tokenizer with prepend_scheme "first" after another pre-tokenizer is not supported ' +
      "together with a normalizer",
  );
}

/** A pre-tokenizer, or those of a Sequence, in order. */
function steps(part: Part): Part[] {
  return part.type === "Sequence" ? (part.pretokenizers as Part[]).flatMap(steps) : [part];
}

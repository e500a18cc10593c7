/**
 * Byte-level BPE from text to ids and back.
 *
 * @module
 */
import { TokenFinder } from "./added_tokens.ts";
import { WordMerger } from "./bpe_merge.ts";
import { CHARACTER_BYTES } from "./byte_level.ts";
import type { ByteLevelDefinition } from "./definition.ts";
import { grown } from "./grown.ts";
import { normalizeNfcUtf8 } from "./nfc.ts";
import { TokenBuffer } from "./token_buffer.ts";
import { WordTable } from "./word_table.ts";
import { wordEnd } from "./words.ts";

/** Words remembered, and bytes of them; the memory starts anew when there would be more. */
const MAX_WORDS = 1 << 18;
const MAX_WORD_BYTES = 1 << 22;
/** Longer words are not remembered. */
const MAX_REMEMBERED = 256;

/**
 * Gives the ids that Hugging Face's Rust tokenizers give. The words of a text are merged one by one, and each word
 * only when it is first seen: its ids are remembered.
 */
export class ByteLevelCodec {
  readonly #finders: { readonly raw: TokenFinder; readonly normalized: TokenFinder };
  readonly #merger: WordMerger;
  readonly #words = new WordTable();
  /** Ids of the words in the table, one word after the other, and where those of each word start. */
  readonly #ids: TokenBuffer;
  #starts = new Uint32Array(1024);

  constructor(readonly definition: ByteLevelDefinition) {
    const { byte_ids, merges, added_tokens, tokens } = definition;
    const normalized = added_tokens.filter((token) => token.normalized ?? true)
      .map(({ id }) => ({ id, content: tokens[id]! }));
    const raw = added_tokens.filter((token) => !(token.normalized ?? true));
    this.#finders = { raw: new TokenFinder(raw), normalized: new TokenFinder(normalized) };
    this.#merger = new WordMerger(byte_ids, merges);
    this.#ids = new TokenBuffer(tokens.length);
  }

  /**
   * Appends the ids of a text.
   *
   * @param bytes UTF-8, well formed.
   */
  encodeInto(bytes: Uint8Array, out: TokenBuffer): void {
    this.#splitAtTokens(this.#finders.raw, bytes, 0, bytes.length, out, (start, end) => {
      const part = this.definition.nfc
        ? normalizeNfcUtf8(bytes.subarray(start, end))
        : bytes.subarray(start, end);
      this.#splitAtTokens(
        this.#finders.normalized,
        part,
        0,
        part.length,
        out,
        (start, end) => this.#encodeWords(part, start, end, out),
      );
    });
  }

  /** Text of ids, added tokens written out; ids without a token are left out. */
  decode(ids: ArrayLike<number>): string {
    const bytes: number[] = [];
    for (let i = 0; i < ids.length; i++) {
      const token = this.definition.tokens[ids[i]];
      if (token !== undefined) { for (const byte of tokenBytes(token)) bytes.push(byte); }
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  }

  /** Appends the ids of tokens that are found, and hands on what lies between them. */
  #splitAtTokens(
    finder: TokenFinder,
    bytes: Uint8Array,
    start: number,
    end: number,
    out: TokenBuffer,
    encodePart: (start: number, end: number) => void,
  ): void {
    let at = start;
    while (at < end && !finder.is_empty && finder.find(bytes, at, end)) {
      const { start: token_start, end: token_end, id } = finder;
      if (at < token_start) encodePart(at, token_start);
      out.push(id);
      at = token_end;
    }
    if (at < end) encodePart(at, end);
  }

  #encodeWords(bytes: Uint8Array, start: number, end: number, out: TokenBuffer): void {
    for (let at = start; at < end;) {
      const word_end = wordEnd(bytes, at, end);
      if (word_end - at > MAX_REMEMBERED) this.#merger.encode(bytes, at, word_end, out);
      else this.#encodeWord(bytes, at, word_end, out);
      at = word_end;
    }
  }

  #encodeWord(bytes: Uint8Array, start: number, end: number, out: TokenBuffer): void {
    const words = this.#words, known = words.size;
    const word = words.add(bytes, start, end);
    if (word === known) this.#remember(word, bytes, start, end);
    out.append(this.#ids.values, this.#starts[word], this.#starts[word + 1]);
    if (words.size === MAX_WORDS || words.byte_length > MAX_WORD_BYTES) {
      words.clear();
      this.#ids.clear();
    }
  }

  #remember(word: number, bytes: Uint8Array, start: number, end: number): void {
    this.#merger.encode(bytes, start, end, this.#ids);
    this.#starts = grown(this.#starts, word + 2);
    this.#starts[word + 1] = this.#ids.length;
  }
}

/** Bytes that a token stands for: those of the byte alphabet, or of its own text where a character is not in it. */
function tokenBytes(token: string): ArrayLike<number> & Iterable<number> {
  const bytes = Array.from(token, (character) => CHARACTER_BYTES.get(character));
  return bytes.includes(undefined) ? new TextEncoder().encode(token) : bytes as number[];
}

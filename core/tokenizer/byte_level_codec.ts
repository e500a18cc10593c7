/**
 * Byte-level BPE: text to ids and back, with added tokens.
 *
 * @module
 */
import { WordMerger } from "./bpe_merge.ts";
import { grown, TokenBuffer } from "./buffers.ts";
import { CHARACTER_BYTES, wordEnd } from "./byte_level.ts";
import type { ByteLevelDefinition } from "./definition.ts";
import { WordTable } from "./hash_tables.ts";
import { normalizeNfcUtf8 } from "./nfc.ts";

/** Limits of the word cache, in words and bytes; it is cleared when it reaches one of them. */
const MAX_WORDS = 1 << 18;
const MAX_WORD_BYTES = 1 << 22;
/** Longer words, in bytes, are not cached. */
const MAX_CACHED = 256;

/**
 * Gives the same ids as Hugging Face's Rust tokenizers. The words of a text are merged one by one; the ids of each word
 * are cached.
 */
export class ByteLevelCodec {
  readonly #finders: { readonly raw: TokenFinder; readonly normalized: TokenFinder };
  /** Ids of control tokens, which stay text. */
  readonly #plain: ReadonlySet<number>;
  readonly #merger: WordMerger;
  /** Control tokens that were left as text. */
  left_as_text = 0;
  readonly #words = new WordTable();
  /** Ids of the cached words, concatenated, and the start of each word's. */
  readonly #ids: TokenBuffer;
  #starts = new Uint32Array(1024);
  /** UTF-8 of each token, made when it is asked for. */
  readonly #bytes: Uint8Array[] = [];

  /** @param plain_tokens ids of added tokens that are encoded as the text that they are. */
  constructor(readonly definition: ByteLevelDefinition, plain_tokens: readonly number[] = []) {
    this.#plain = new Set(plain_tokens);
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
   * @param bytes well-formed UTF-8.
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

  /** UTF-8 bytes of a token. */
  byteLength(id: number): number {
    return this.#bytesOf(id).length;
  }

  /** The text of ids, added tokens included; ids without a token are skipped. */
  decode(ids: ArrayLike<number>): string {
    let length = 0;
    for (let i = 0; i < ids.length; i++) length += this.byteLength(ids[i]);
    const bytes = new Uint8Array(length);
    for (let i = 0, at = 0; i < ids.length; i++) {
      const token = this.#bytesOf(ids[i]);
      bytes.set(token, at);
      at += token.length;
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }

  #bytesOf(id: number): Uint8Array {
    const known = this.#bytes[id];
    if (known !== undefined) return known;
    const token = this.definition.tokens[id];
    return this.#bytes[id] = token === undefined
      ? new Uint8Array()
      : Uint8Array.from(tokenBytes(token));
  }

  /** Appends the ids of the added tokens it finds, and calls `encodePart` for the text between them. */
  #splitAtTokens(
    finder: TokenFinder,
    bytes: Uint8Array,
    start: number,
    end: number,
    out: TokenBuffer,
    encodePart: (start: number, end: number) => void,
  ): void {
    let at = start, from = start;
    while (from < end && !finder.is_empty && finder.find(bytes, from, end)) {
      const { start: token_start, end: token_end, id } = finder;
      from = token_end;
      if (this.#plain.has(id)) {
        this.left_as_text++;
        continue;
      }
      if (at < token_start) encodePart(at, token_start);
      out.push(id);
      at = token_end;
    }
    if (at < end) encodePart(at, end);
  }

  #encodeWords(bytes: Uint8Array, start: number, end: number, out: TokenBuffer): void {
    for (let at = start; at < end;) {
      const word_end = wordEnd(bytes, at, end);
      if (word_end - at > MAX_CACHED) this.#merger.encode(bytes, at, word_end, out);
      else this.#encodeWord(bytes, at, word_end, out);
      at = word_end;
    }
  }

  #encodeWord(bytes: Uint8Array, start: number, end: number, out: TokenBuffer): void {
    const words = this.#words, known = words.size;
    const word = words.add(bytes, start, end);
    if (word === known) this.#cache(word, bytes, start, end);
    out.append(this.#ids.values, this.#starts[word], this.#starts[word + 1]);
    if (words.size === MAX_WORDS || words.byte_length > MAX_WORD_BYTES) {
      words.clear();
      this.#ids.clear();
    }
  }

  #cache(word: number, bytes: Uint8Array, start: number, end: number): void {
    this.#merger.encode(bytes, start, end, this.#ids);
    this.#starts = grown(this.#starts, word + 2);
    this.#starts[word + 1] = this.#ids.length;
  }
}

/** The bytes of a token: decoded from the byte alphabet, or its own UTF-8 if any character is not in the alphabet. */
function tokenBytes(token: string): ArrayLike<number> & Iterable<number> {
  const bytes = Array.from(token, (character) => CHARACTER_BYTES.get(character));
  return bytes.includes(undefined) ? new TextEncoder().encode(token) : bytes as number[];
}

/**
 * Finds added tokens in UTF-8 text, with a trie. Matches are leftmost-longest, as in the Rust library.
 */
export class TokenFinder {
  /** For each node 256 children (0: none, since node 0 is the root). */
  readonly #children: Int32Array;
  /** For each node the id of the token that ends there, or -1. */
  readonly #ids: Int32Array;
  /** Start, end and id of the last match. */
  start = 0;
  end = 0;
  id = -1;

  constructor(tokens: readonly { id: number; content: string }[]) {
    const encoder = new TextEncoder();
    const nodes: { children: Map<number, number>; id: number }[] = [];
    const newNode = () => nodes.push({ children: new Map(), id: -1 }) - 1;
    newNode();
    for (const { id, content } of tokens) {
      let node = 0;
      for (const byte of encoder.encode(content)) {
        const child = nodes[node].children.get(byte) ?? newNode();
        nodes[node].children.set(byte, child);
        node = child;
      }
      nodes[node].id = id;
    }
    this.#ids = Int32Array.from(nodes, ({ id }) => id);
    this.#children = new Int32Array(256 * nodes.length);
    for (const [node, { children }] of nodes.entries()) {
      for (const [byte, child] of children) this.#children[256 * node + byte] = child;
    }
  }

  /** Whether there are no tokens to find. */
  get is_empty(): boolean {
    return this.#ids.length === 1;
  }

  /**
   * Finds the first token from `at` on.
   *
   * @returns whether there is one; {@linkcode start}, {@linkcode end} and {@linkcode id} then describe it.
   */
  find(bytes: Uint8Array, at: number, end: number): boolean {
    const children = this.#children;
    for (let start = at; start < end; start++) {
      if (children[bytes[start]] !== 0 && this.#matchAt(bytes, start, end)) return true;
    }
    return false;
  }

  /** The longest token that begins at `start`. */
  #matchAt(bytes: Uint8Array, start: number, end: number): boolean {
    let found = false;
    for (let node = 0, at = start; at < end;) {
      node = this.#children[256 * node + bytes[at++]];
      if (node === 0) break;
      if (this.#ids[node] < 0) continue;
      found = true;
      this.start = start;
      this.end = at;
      this.id = this.#ids[node];
    }
    return found;
  }
}

/**
 * What a kind of tokenizer does: text to ids and back.
 *
 * @module
 */
import type { TokenBuffer } from "./buffers.ts";

/** Text to ids and back. */
export interface Codec {
  /**
   * Appends the ids of a text, without adding special tokens.
   *
   * @param bytes well-formed UTF-8.
   */
  encodeInto(bytes: Uint8Array, out: TokenBuffer): void;
  /** The text of ids, special tokens included. */
  decode(ids: ArrayLike<number>): string;
  /** How many control tokens in texts were encoded as the text that they are, so far. */
  left_as_text: number;
  /** UTF-8 bytes that an id stands for; only where the bytes of ids are those of the text. */
  byteLength?(id: number): number;
}

/**
 * The tokens of a rendered conversation, and which of them the assistant writes.
 *
 * @module
 */
import { TokenBuffer } from "../buffers.ts";
import { commonLength, decodeAfter } from "../decoding.ts";
import type { Codec } from "../codec.ts";

/**
 * Appends the ids of a conversation as its template wrote it, without a BOS or end-of-text token of our own.
 *
 * A token is a label if it has a character of an answer, as in transformers: one that reaches over the end of an answer
 * belongs to it.
 *
 * @param bytes of the whole text in UTF-8.
 * @param bounds where answers start and end, in bytes, ascending.
 * @returns `loss_spans`, in tokens.
 */
export function appendChat(
  codec: Codec,
  bytes: Uint8Array,
  bounds: ArrayLike<number>,
  out: TokenBuffer,
): Uint32Array {
  const first = out.length;
  codec.encodeInto(bytes, out);
  const ids = out.values.subarray(first, out.length);
  const places = placesByBytes(codec, ids, bytes.length) ??
    placesByText(codec, ids, bytes, out.vocab_size);
  const spans: number[] = [];
  for (let i = 0; i < bounds.length; i += 2) {
    // A token that reaches from one answer into the next belongs to the first.
    const start = Math.max(spans.at(-1) ?? 0, places.startingAt(bounds[i]));
    const end = places.endingAt(bounds[i + 1]);
    if (start < end) spans.push(start, end);
  }
  return Uint32Array.from(spans);
}

/** Positions in tokens of positions in bytes. */
interface Places {
  /** The first token that has a character at or after a position. */
  startingAt(position: number): number;
  /** Number of tokens that have a character before a position. */
  endingAt(position: number): number;
}

/** From the bytes of each token; undefined where these are not those of the text. */
function placesByBytes(codec: Codec, ids: ArrayLike<number>, length: number): Places | undefined {
  if (codec.byteLength === undefined) return undefined;
  let at = 0;
  const ends = Array.from(ids, (id) => at += codec.byteLength!(id));
  if (at !== length) return undefined;
  return {
    startingAt: (position) => ends.findIndex((end) => end > position),
    endingAt: (position) => ends.findIndex((end) => end >= position) + 1,
  };
}

/**
 * From the tokens that the beginning of the text has by itself. Where these are not the first ones of the whole, a token
 * reaches over the position, and the lengths of texts decide.
 */
function placesByText(
  codec: Codec,
  ids: ArrayLike<number>,
  bytes: Uint8Array,
  vocab_size: number,
): Places {
  const all = Array.from(ids);
  const compare = (position: number) => {
    const buffer = new TokenBuffer(vocab_size);
    if (position > 0) codec.encodeInto(bytes.subarray(0, position), buffer);
    const own = Array.from(buffer.slice()), common = commonLength(own, all);
    const textLength = (ids: number[]) =>
      ids.length === 0 ? 0 : decodeAfter(codec, all.slice(0, common), ids).length;
    const left = textLength(own.slice(common));
    return { common, left, lengthTo: (end: number) => textLength(all.slice(common, end)) };
  };
  return {
    startingAt(position) {
      const { common, left, lengthTo } = compare(position);
      let start = common;
      while (start < all.length && left > 0 && lengthTo(start + 1) <= left) start++;
      return start;
    },
    endingAt(position) {
      const { common, left, lengthTo } = compare(position);
      let end = common;
      while (end < all.length && lengthTo(end) < left) end++;
      return end;
    },
  };
}

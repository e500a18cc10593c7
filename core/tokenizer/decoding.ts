/**
 * Ids and texts, compared.
 *
 * @module
 */
import type { Codec } from "./codec.ts";

/** How many ids two lists have in common at the start. */
export function commonLength(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

/** As many tokens before new ones as a decoder looks at. */
const CONTEXT = 8;

/**
 * The text that ids add to those before them. A decoder treats the first token of a text differently: that of Llama 2
 * drops its blank.
 */
export function decodeAfter(
  codec: Pick<Codec, "decode">,
  before: ArrayLike<number>,
  ids: ArrayLike<number>,
): string {
  if (before.length === 0 || ids.length === 0) return codec.decode(ids);
  const context = Array.prototype.slice.call(before, -CONTEXT) as number[];
  const given = codec.decode(context), whole = codec.decode([...context, ...Array.from(ids)]);
  let start = 0;
  while (start < given.length && given[start] === whole[start]) start++;
  return whole.slice(start);
}

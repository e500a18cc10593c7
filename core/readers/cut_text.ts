/**
 * Cuts long texts into pieces.
 *
 * @module
 */

/** Where a text is cut best, in order of preference: after a paragraph, a line, a sentence, a word. */
const BOUNDARIES = [/\n[ \t\r]*\n+/g, /\n/g, /[.!?。！？]["'”’)]*\s+/g, /\s+/g];

/**
 * Cuts a text into pieces of at most `max_bytes` UTF-8 bytes, whose concatenation it is: after the last paragraph, else
 * line, sentence, word or character in the last part of what fits.
 *
 * @param slack share of a piece in which it may end.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { cutText } from "./cut_text.ts";
 * assert.deepEqual(cutText("One two.\n\nThree four.", 14, 0.5), ["One two.\n\n", "Three four."]);
 * ```
 */
export function cutText(text: string, max_bytes: number, slack = 0.25): string[] {
  const pieces: string[] = [];
  let start = 0;
  const encoder = new TextEncoder();
  const buffer = new Uint8Array(Math.min(max_bytes, 3 * text.length));
  while (start < text.length) {
    // A UTF-16 unit takes at most three bytes.
    const { read } = encoder.encodeInto(text.slice(start, start + max_bytes), buffer);
    const fits = read || String.fromCodePoint(text.codePointAt(start)!).length;
    const end = start + fits >= text.length
      ? text.length
      : start + bestEnd(text, start, fits, slack);
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

function bestEnd(text: string, start: number, fits: number, slack: number): number {
  const first = fits - Math.floor(fits * slack);
  const tail = text.slice(start + first, start + fits);
  for (const boundary of BOUNDARIES) {
    const last = [...tail.matchAll(boundary)].at(-1);
    if (last !== undefined) return first + last.index + last[0].length;
  }
  return fits;
}

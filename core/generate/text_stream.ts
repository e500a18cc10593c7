/**
 * Text as it is generated: what a token adds, once it is certain.
 *
 * @module
 */
import type { TextDecoding } from "./generate.ts";

/** Half of a character, whose other bytes are in tokens to come. */
const INCOMPLETE = "\ufffd";

/**
 * Turns tokens into pieces of text. A character whose bytes lie in several tokens comes when it is whole, and what may
 * be the beginning of a stop text is held back until it is known not to be.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { TextStream } from "./text_stream.ts";
 *
 * const words = ["a", "b", "STO", "P", "!"];
 * const tokenizer = {
 *   decode: (ids: ArrayLike<number>) => Array.from(ids, (id) => words[id]).join(""),
 *   end_of_text: 9,
 *   vocab_size: 10,
 * };
 * const stream = new TextStream(tokenizer, ["STOP"]);
 * assert.deepEqual([0, 2, 4].map((id) => stream.push(id)), ["a", "", "STO!"]);
 * ```
 */
export class TextStream {
  readonly #tokens: number[] = [];
  #shown = 0;

  constructor(readonly tokenizer: TextDecoding, readonly stop: readonly string[] = []) {}

  /** Adds a token; returns the text that is certain now, which may be empty. */
  push(token: number): string {
    if (token === this.tokenizer.end_of_text) return "";
    this.#tokens.push(token);
    const text = this.tokenizer.decode(this.#tokens);
    return this.#show(text, this.#certain(text));
  }

  /** The rest of a text that has ended, given the whole of it as it came out. */
  end(text: string): string {
    return this.#show(text, text.length);
  }

  #show(text: string, until: number): string {
    const piece = text.slice(this.#shown, until);
    this.#shown = Math.max(this.#shown, until);
    return piece;
  }

  /** Length of the part that no further token changes or cuts off. */
  #certain(text: string): number {
    let end = text.length;
    while (end > 0 && text[end - 1] === INCOMPLETE) end--;
    for (const stop of this.stop) {
      const found = text.indexOf(stop);
      if (found >= 0) end = Math.min(end, found);
      for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) {
        if (text.endsWith(stop.slice(0, length))) {
          end = Math.min(end, text.length - length);
          break;
        }
      }
    }
    return end;
  }
}

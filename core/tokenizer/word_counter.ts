/**
 * Counting words.
 *
 * @module
 */
import { grown } from "./grown.ts";
import { WordTable } from "./word_table.ts";
import { wordEnd } from "./words.ts";

/** Distinct words and how often each occurs. */
export interface WordCounts {
  /** The words, one after the other. */
  readonly bytes: Uint8Array;
  /** Where each word starts, and where the last one ends. */
  readonly starts: Uint32Array;
  readonly counts: Float64Array;
}

/** Counts the words of texts. */
export class WordCounter {
  readonly #words = new WordTable();
  #counts = new Float64Array(1024);

  /**
   * Counts the words of a text.
   *
   * @param bytes UTF-8, well formed.
   */
  addText(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const end = wordEnd(bytes, at, bytes.length);
      this.#add(bytes, at, end, 1);
      at = end;
    }
  }

  /** Adds what another counter has counted. */
  addCounts({ bytes, starts, counts }: WordCounts): void {
    for (let i = 0; i < counts.length; i++) this.#add(bytes, starts[i], starts[i + 1], counts[i]);
  }

  /** The words in the order in which they were first seen; valid until more are added. */
  get result(): WordCounts {
    const { bytes, starts, size } = this.#words;
    return { bytes, starts, counts: this.#counts.subarray(0, size) };
  }

  #add(bytes: Uint8Array, start: number, end: number, count: number): void {
    const word = this.#words.add(bytes, start, end);
    if (word === this.#counts.length) this.#counts = grown(this.#counts, word + 1);
    this.#counts[word] += count;
  }
}

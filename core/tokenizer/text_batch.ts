/**
 * Texts on their way to a worker.
 *
 * @module
 */
import { grown } from "./grown.ts";

/** UTF-8 bytes after which a batch is sent: some milliseconds of work. */
const BATCH_BYTES = 1 << 18;
/** Texts after which it is sent, should they be empty. */
const BATCH_TEXTS = 1 << 14;

/** Texts as UTF-8, one after the other. */
export interface PackedTexts {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each text ends. */
  readonly ends: Float64Array<ArrayBuffer>;
}

/** Collects texts. */
export class TextBatch {
  #bytes = new Uint8Array(BATCH_BYTES);
  #ends: number[] = [];

  /** Bytes so far. */
  get byte_length(): number {
    return this.#ends.at(-1) ?? 0;
  }

  get is_empty(): boolean {
    return this.#ends.length === 0;
  }

  /** Whether it is time to take the texts. */
  get is_full(): boolean {
    return this.byte_length >= BATCH_BYTES || this.#ends.length >= BATCH_TEXTS;
  }

  /** @param utf8 well formed. */
  add(utf8: Uint8Array): void {
    const at = this.byte_length;
    this.#bytes = grown(this.#bytes, at + utf8.length);
    this.#bytes.set(utf8, at);
    this.#ends.push(at + utf8.length);
  }

  /** The texts, which the batch then no longer holds. */
  take(): PackedTexts {
    const bytes = this.#bytes.slice(0, this.byte_length), ends = Float64Array.from(this.#ends);
    this.#ends = [];
    if (this.#bytes.length > 4 * BATCH_BYTES) this.#bytes = new Uint8Array(BATCH_BYTES);
    return { bytes, ends };
  }
}

/** The texts one by one: views of the packed bytes. */
export function* unpack({ bytes, ends }: PackedTexts): Generator<Uint8Array> {
  let start = 0;
  for (const end of ends) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

/**
 * Reading datasets several times over: for the survey, for the tokenizer and for encoding.
 *
 * @module
 */
import type { DatasetCard, Document } from "../../core/data/readers/mod.ts";

/** Text of small datasets is kept between the passes, up to this many UTF-16 units in all. */
const MAX_KEPT_CHARS = 64_000_000;

/** Gives the event loop a turn after this many UTF-16 units, so that other work goes on. */
const CHARS_PER_TURN = 250_000;

/** Reads the documents of cards again and again, from memory where they fit. */
export class DocumentReader {
  readonly #kept = new Map<DatasetCard, readonly Document[]>();
  #room = MAX_KEPT_CHARS;
  #until_turn = CHARS_PER_TURN;

  /** @param options.max_bytes documents are cut to this many UTF-8 bytes. */
  constructor(readonly options: { max_bytes: number; signal: AbortSignal }) {}

  /**
   * Streams the non-empty documents of a card.
   *
   * @throws the signal's reason between two documents, once it is aborted.
   */
  async *read(card: DatasetCard): AsyncGenerator<Document> {
    const kept = this.#kept.get(card);
    const keep: Document[] = [];
    let chars = 0;
    for await (const given of kept ?? card.documents()) {
      await this.#pause(given.text.length);
      const document = kept ? given : prepare(given, this.options.max_bytes);
      if (document.text === "") continue;
      chars += document.text.length;
      if (chars <= this.#room) keep.push(document);
      yield document;
    }
    if (kept || chars > this.#room) return;
    this.#room -= chars;
    this.#kept.set(card, keep);
  }

  async #pause(chars: number): Promise<void> {
    this.options.signal.throwIfAborted();
    this.#until_turn -= chars;
    if (this.#until_turn > 0) return;
    this.#until_turn = CHARS_PER_TURN;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** Replaces lone surrogates, which have no UTF-8 form, and cuts what is too long. */
function prepare(document: Document, max_bytes: number): Document {
  return { ...document, text: cutToBytes(document.text.toWellFormed(), max_bytes) };
}

/** The longest beginning of a text whose UTF-8 form has at most `max_bytes`. */
export function cutToBytes(text: string, max_bytes: number): string {
  if (text.length * 3 <= max_bytes) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(max_bytes));
  return text.slice(0, read);
}

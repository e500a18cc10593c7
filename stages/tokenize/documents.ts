/**
 * Reading datasets several times over: for the survey, for the tokenizer and for encoding.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import type { DatasetCard, Document } from "../../core/readers/mod.ts";

/** Text of small datasets is kept between the passes, up to this many UTF-16 units in all. */
const MAX_KEPT_CHARS = 64_000_000;

/** Gives the event loop a turn after this many UTF-16 units, so that other work goes on. */
const CHARS_PER_TURN = 250_000;

/** Milliseconds between two lines about a long pass. */
const LOG_EVERY_MS = 10_000;

export interface ReaderOptions {
  /** Documents are cut to this many UTF-8 bytes. */
  readonly max_bytes: number;
  readonly signal: AbortSignal;
  log(message: string): void;
}

/** Reads the documents of cards again and again, from memory where they fit. */
export class DocumentReader {
  readonly #kept = new Map<DatasetCard, readonly Document[]>();
  /** What cards say of themselves is passed on once, not with each pass. */
  readonly #told = new Set<string>();
  #room = MAX_KEPT_CHARS;
  #until_turn = CHARS_PER_TURN;

  constructor(readonly options: ReaderOptions) {}

  /**
   * Streams the non-empty documents of a card.
   *
   * @param purpose says what the pass is for, in lines about its progress.
   * @throws the signal's reason between two documents, once it is aborted.
   */
  async *read(card: DatasetCard, purpose: string): AsyncGenerator<Document> {
    const kept = this.#kept.get(card);
    let keep: Document[] | undefined = kept ? undefined : [];
    let chars = 0, documents = 0, next_line = Date.now() + LOG_EVERY_MS;
    for await (const given of kept ?? this.#documents(card)) {
      await this.#pause(given.text.length);
      const document = kept ? given : prepare(given, this.options.max_bytes);
      if (document.text === "") continue;
      chars += document.text.length;
      documents++;
      if (chars > this.#room) keep = undefined;
      keep?.push(document);
      yield document;
      if (Date.now() < next_line) continue;
      next_line = Date.now() + LOG_EVERY_MS;
      const millions = (chars / 1e6).toFixed(0);
      this.options.log(
        `${purpose} ${card.name}: ${
          documents.toLocaleString("en")
        } documents, ${millions} M characters`,
      );
    }
    if (keep === undefined) return;
    this.#room -= chars;
    this.#kept.set(card, keep);
  }

  #documents(card: DatasetCard): AsyncIterable<Document> {
    const log = (message: string) => {
      if (this.#told.has(message)) return;
      this.#told.add(message);
      this.options.log(message);
    };
    return card.documents({ signal: this.options.signal, log });
  }

  async #pause(chars: number): Promise<void> {
    this.options.signal.throwIfAborted();
    this.#until_turn -= chars;
    if (this.#until_turn > 0) return;
    this.#until_turn = CHARS_PER_TURN;
    // Not setTimeout, which waits milliseconds when called again and again.
    await setImmediate();
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

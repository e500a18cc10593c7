/**
 * Reads the documents of datasets, once or more, and cuts long ones.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import {
  cutText,
  type DatasetCard,
  type Document,
  plainConversation,
  textDigest,
} from "@causeway/core/readers";
import { counted, formatNumber } from "@causeway/core/words";

/** Small datasets are kept in memory between passes, up to this many UTF-16 units in total. */
const MAX_KEPT_CHARS = 64_000_000;

/** Yields to the event loop after this many UTF-16 units, so that other work can proceed. */
const CHARS_PER_TURN = 250_000;

/** Milliseconds between progress lines of a long pass. */
const LOG_EVERY_MS = 10_000;

interface ReaderOptions {
  /** Longer documents are cut into several, and examples with prompts cut off, in UTF-8 bytes. */
  readonly max_bytes: number;
  /** Share of a dataset of one document that is held out. */
  readonly validation_share: number;
  readonly signal: AbortSignal;
  log(message: string): void;
}

/** Reads the documents of cards in several passes, from memory if they fit. */
export class DocumentReader {
  readonly #kept = new Map<DatasetCard, readonly Document[]>();
  /** Messages of cards are logged once, not in each pass. */
  readonly #logged = new Set<string>();
  #room = MAX_KEPT_CHARS;
  #until_turn = CHARS_PER_TURN;

  constructor(readonly options: ReaderOptions) {}

  /**
   * Streams the non-empty documents of a card, long ones in pieces.
   *
   * @param purpose what the pass does, for progress lines: "tokenizing".
   * @throws the signal's reason once it is aborted.
   */
  async *read(card: DatasetCard, purpose: string): AsyncGenerator<Document> {
    const kept = this.#kept.get(card);
    let keep: Document[] | undefined = kept ? undefined : [];
    let chars = 0, documents = 0, next_line = Date.now() + LOG_EVERY_MS;
    const lengths = new LengthReport();
    for await (const document of kept ?? this.#prepared(card, lengths)) {
      await this.#pause(document.text.length);
      chars += document.text.length;
      documents++;
      if (chars > this.#room) keep = undefined;
      keep?.push(document);
      yield document;
      if (Date.now() < next_line) continue;
      next_line = Date.now() + LOG_EVERY_MS;
      const millions = (chars / 1e6).toFixed(0);
      this.options.log(
        `${purpose} ${card.name}: ${counted(documents, "document")}, ${millions}M characters`,
      );
    }
    this.#log(lengths.line(card.name, this.options.max_bytes));
    if (keep === undefined) return;
    this.#room -= chars;
    this.#kept.set(card, keep);
  }

  /** Cuts long documents, and holds out the end of a text that is the only one. */
  async *#prepared(card: DatasetCard, lengths: LengthReport): AsyncGenerator<Document> {
    const { max_bytes, validation_share, signal } = this.options;
    const log = (message: string) => this.#log(message);
    let only: Document | undefined, documents = 0;
    for await (const given of card.documents({ signal, log })) {
      // Lone surrogates have no UTF-8 form.
      const document = { ...given, text: given.text.toWellFormed() };
      if (document.text === "") {
        lengths.empty++;
        continue;
      }
      if (++documents === 1) {
        only = document;
        continue;
      }
      if (only !== undefined) yield* cutDocument(only, max_bytes, lengths);
      only = undefined;
      yield* cutDocument(document, max_bytes, lengths);
    }
    if (only === undefined) return;
    const [head, tail] = divide(only, validation_share);
    if (tail !== undefined) {
      const [held_out, all] = [tail, only].map(({ text }) => formatNumber(Buffer.byteLength(text)));
      log(
        `dataset "${card.name}" has only one document: its last ${held_out} of ${all} bytes are held out`,
      );
    }
    for (const part of [head, tail]) {
      if (part !== undefined) yield* cutDocument(part, max_bytes, lengths);
    }
  }

  #log(message: string | undefined): void {
    if (message === undefined || this.#logged.has(message)) return;
    this.#logged.add(message);
    this.options.log(message);
  }

  async #pause(chars: number): Promise<void> {
    this.options.signal.throwIfAborted();
    this.#until_turn -= chars;
    if (this.#until_turn > 0) return;
    this.#until_turn = CHARS_PER_TURN;
    // Not setTimeout, which waits for milliseconds when called repeatedly.
    await setImmediate();
  }
}

/** What happened to documents that are empty or too long. */
class LengthReport {
  empty = 0;
  /** Texts cut into pieces, and the number of pieces. */
  long = 0;
  pieces = 0;
  /** Examples whose end was cut off, and the bytes lost. */
  cut = 0;
  lost_bytes = 0;

  line(dataset: string, max_bytes: number): string | undefined {
    const limit = `longer than max_document_bytes (${formatNumber(max_bytes)})`;
    const parts = [
      ...(this.long > 0
        ? [`${counted(this.long, "text")} ${limit}, cut into ${counted(this.pieces, "document")}`]
        : []),
      ...(this.cut > 0
        ? [
          `${counted(this.cut, "example")} ${limit}, truncated: ${
            counted(this.lost_bytes, "byte")
          } lost`,
        ]
        : []),
      ...(this.empty > 0 ? [`${counted(this.empty, "empty text")} left out`] : []),
    ];
    return parts.length > 0 ? `dataset "${dataset}": ${parts.join("; ")}` : undefined;
  }
}

/** A shorter text is not divided. */
const MIN_DIVIDED_BYTES = 1000;

/**
 * Divides a text into a part to train on and its end, which is held out, at a paragraph if there is one near. Only for a
 * dataset of one document, which would otherwise be in one split as a whole.
 *
 * @param share of the text that is held out.
 * @returns the document alone if it is not to be divided.
 */
function divide(document: Document, share: number): [Document, Document?] {
  const { id, text, split, group, prompt_length_chars, messages } = document;
  const bytes = Buffer.byteLength(text);
  const is_text = [split, group, prompt_length_chars, messages].every((one) => one === undefined);
  if (!is_text || share === 0 || bytes < MIN_DIVIDED_BYTES) return [document];
  const [head] = cutText(text, Math.round((1 - share) * bytes), 0.02);
  const tail = text.slice(head.length);
  if (head.trim() === "" || tail.trim() === "") return [document];
  return [
    { ...document, text: head, split: "train" },
    { ...document, id: `${id}#held_out`, text: tail, split: "validation" },
  ];
}

/**
 * Cuts a document that is longer than the limit: a text into pieces, at the ends of paragraphs, lines or words, so that
 * nothing is lost; an example with a prompt at its end, since its parts make no sense alone; a conversation after a turn of
 * the assistant.
 */
function* cutDocument(
  document: Document,
  max_bytes: number,
  lengths: LengthReport,
): Generator<Document> {
  const { id, text, prompt_length_chars } = document;
  if (text.length * 3 <= max_bytes) return yield document;
  const bytes = Buffer.byteLength(text);
  if (bytes <= max_bytes) return yield document;
  if (document.messages !== undefined) {
    const kept = firstTurns(document.messages, max_bytes);
    const head = plainConversation(kept);
    lengths.cut++;
    lengths.lost_bytes += bytes - Buffer.byteLength(head);
    if (kept.length > 0) yield { ...document, text: head, messages: kept };
    return;
  }
  if (prompt_length_chars !== undefined) {
    const [head] = cutText(text, max_bytes, 0);
    lengths.cut++;
    lengths.lost_bytes += bytes - Buffer.byteLength(head);
    return yield { ...document, text: head };
  }
  lengths.long++;
  // Pieces of one document are always in the same split.
  const group = document.group ?? textDigest(text);
  for (const [at, piece] of cutText(text, max_bytes).entries()) {
    lengths.pieces++;
    yield { ...document, id: `${id}#${at + 1}`, text: piece, group };
  }
}

/** The first turns of a conversation that have at most so many bytes together, up to one of the assistant. */
function firstTurns(
  messages: NonNullable<Document["messages"]>,
  max_bytes: number,
): NonNullable<Document["messages"]> {
  const fits = (count: number) =>
    Buffer.byteLength(plainConversation(messages.slice(0, count))) <= max_bytes;
  let count = messages.length;
  while (count > 0 && !(messages[count - 1].role === "assistant" && fits(count))) count--;
  return messages.slice(0, count);
}

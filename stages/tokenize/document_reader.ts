/**
 * Reads the documents of datasets, once or more, and cuts long ones.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import type { DatasetCard, Document } from "@causeway/core/readers";

/** Small datasets are kept in memory between passes, up to this many UTF-16 units in total. */
const MAX_KEPT_CHARS = 64_000_000;

/** Yields to the event loop after this many UTF-16 units, so that other work can proceed. */
const CHARS_PER_TURN = 250_000;

/** Milliseconds between progress lines of a long pass. */
const LOG_EVERY_MS = 10_000;

interface ReaderOptions {
  /** Longer documents are cut into several, and examples with prompts cut off, in UTF-8 bytes. */
  readonly max_bytes: number;
  /** Long documents are cut into enough pieces to hold out this share of them. */
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
      const count = documents.toLocaleString("en");
      this.options.log(`${purpose} ${card.name}: ${count} documents, ${millions}M characters`);
    }
    this.#log(lengths.line(card.name, this.options.max_bytes));
    if (keep === undefined) return;
    this.#room -= chars;
    this.#kept.set(card, keep);
  }

  async *#prepared(card: DatasetCard, lengths: LengthReport): AsyncGenerator<Document> {
    const log = (message: string) => this.#log(message);
    for await (const given of card.documents({ signal: this.options.signal, log })) {
      // Lone surrogates have no UTF-8 form.
      const document = { ...given, text: given.text.toWellFormed() };
      if (document.text === "") lengths.empty++;
      else if (document.text.length * 3 <= this.options.max_bytes) yield document;
      else yield* cutDocument(document, this.options, lengths);
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
    const number = (value: number) => value.toLocaleString("en");
    const limit = `longer than max_document_bytes (${number(max_bytes)})`;
    const parts = [
      ...(this.long > 0
        ? [`${number(this.long)} texts ${limit} cut into ${number(this.pieces)} documents`]
        : []),
      ...(this.cut > 0
        ? [`${number(this.cut)} examples ${limit} cut off, ${number(this.lost_bytes)} bytes lost`]
        : []),
      ...(this.empty > 0 ? [`${number(this.empty)} empty texts left out`] : []),
    ];
    return parts.length > 0 ? `dataset "${dataset}": ${parts.join("; ")}` : undefined;
  }
}

/** Pieces of a long text are at least this long, or as long as the limit allows. */
const MIN_PIECE_BYTES = 16_384;

/**
 * Cuts a document that is longer than the limit: a text into pieces of about equal size, at the ends of paragraphs,
 * lines or words, so that nothing is lost; an example with a prompt at its end, since its parts make no sense alone.
 */
function* cutDocument(
  document: Document,
  { max_bytes, validation_share }: Pick<ReaderOptions, "max_bytes" | "validation_share">,
  lengths: LengthReport,
): Generator<Document> {
  const { id, text, prompt_length_chars, split } = document;
  const bytes = Buffer.byteLength(text);
  if (bytes <= max_bytes) return yield document;
  if (prompt_length_chars !== undefined) {
    const whole = text.slice(0, charsWithin(text, 0, max_bytes));
    lengths.cut++;
    lengths.lost_bytes += bytes - Buffer.byteLength(whole);
    if (whole !== "") yield { ...document, text: whole };
    return;
  }
  // Enough that about the wanted share can be held out, also of a dataset that is one long text.
  const wanted = split === undefined && validation_share > 0 ? Math.ceil(2 / validation_share) : 1;
  const possible = Math.floor(bytes / MIN_PIECE_BYTES);
  const count = Math.max(Math.ceil(bytes / max_bytes), Math.min(wanted, possible));
  const piece_bytes = Math.min(max_bytes, Math.ceil(bytes / count));
  lengths.long++;
  let piece = 0;
  for (let start = 0; start < text.length;) {
    const end = endOfPiece(text, start, charsWithin(text, start, piece_bytes));
    piece++;
    lengths.pieces++;
    yield { ...document, id: `${id}#${piece}`, text: text.slice(start, end) };
    start = end;
  }
}

/** The end of the longest piece from `start` with at most `max_bytes` of UTF-8; at least one character. */
function charsWithin(text: string, start: number, max_bytes: number): number {
  const part = text.slice(start, start + max_bytes);
  const { read } = new TextEncoder().encodeInto(part, new Uint8Array(max_bytes));
  return start + (read || String.fromCodePoint(text.codePointAt(start)!).length);
}

/** Where to cut before `end`: after a paragraph, line or word in the second half of the piece. */
function endOfPiece(text: string, start: number, end: number): number {
  if (end >= text.length) return text.length;
  const half = (start + end) / 2;
  for (const separator of ["\n\n", "\n", " "]) {
    const at = text.lastIndexOf(separator, end - separator.length);
    if (at >= half) return at + separator.length;
  }
  return end;
}

/**
 * The first pass over the documents of a dataset: decides which are used, which are held out, and which train the
 * tokenizer. This depends only on the documents' ids, groups and texts, so it is the same on every machine and for every
 * seed, and no document moves between train and validation from run to run.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { resized } from "@causeway/core/batches";
import { type DatasetCard, type Document, hashShare } from "@causeway/core/readers";

/** One dataset of one source, from the config. */
export interface Part {
  readonly source: string;
  readonly card: DatasetCard;
  readonly max_bytes: number;
}

/** The result of a scan, by position in the stream: 14 bytes per document. */
export interface Scan extends Part {
  /** UTF-8 bytes of each document. */
  readonly sizes: Int32Array;
  /** A hash in [0, 1) of each document; samples are drawn in ascending order. */
  readonly draws: Float64Array;
  /** 1 for documents that are used. */
  readonly taken: Uint8Array;
  readonly taken_count: number;
  /** 1 for documents that are held out. */
  readonly held_out: Uint8Array;
}

const SPLITS = [undefined, "train", "validation"] as const;

/** Reads all documents once. */
export async function scan(
  part: Part,
  documents: AsyncIterable<Document>,
  { validation_share }: { validation_share: number },
): Promise<Scan> {
  let room = 1024, count = 0;
  let sizes = new Int32Array(room);
  let draws = new Float64Array(room), split_draws = new Float64Array(room);
  let own_split = new Uint8Array(room);
  for await (const { id, text, split, group } of documents) {
    if (count === room) {
      room *= 2;
      [sizes, own_split] = [resized(sizes, room), resized(own_split, room)];
      [draws, split_draws] = [resized(draws, room), resized(split_draws, room)];
    }
    sizes[count] = Buffer.byteLength(text);
    draws[count] = hashShare("sample", id);
    own_split[count] = SPLITS.indexOf(split);
    // By text if there is no group, so that exact duplicates are never in both splits.
    split_draws[count++] = hashShare("split", group ?? text);
  }
  [sizes, draws] = [resized(sizes, count), resized(draws, count)];
  [own_split, split_draws] = [resized(own_split, count), resized(split_draws, count)];
  const taken = sample(sizes, draws, part.max_bytes, new Uint8Array(count).fill(1));
  const share = holdOutShare(split_draws, taken, own_split, validation_share);
  const held_out = own_split.map((split, i) =>
    split === 0 ? Number(split_draws[i] < share) : Number(SPLITS[split] === "validation")
  );
  const taken_count = taken.reduce((sum, one) => sum + one, 0);
  return { ...part, sizes, draws, taken, taken_count, held_out };
}

/**
 * Samples documents until the next one would exceed the budget; at least one.
 *
 * @param budget UTF-8 bytes.
 * @param eligible 1 for documents that may be sampled.
 * @returns 1 for each document in the sample.
 */
export function sample(
  sizes: Int32Array,
  draws: Float64Array,
  budget: number,
  eligible: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const all = sizes.reduce((sum, size, i) => eligible[i] ? sum + size : sum, 0);
  if (all <= budget) return eligible.slice();
  const order = Uint32Array.from(sizes.keys()).filter((i) => eligible[i]);
  order.sort((a, b) => draws[a] - draws[b] || a - b);
  const drawn = new Uint8Array(sizes.length);
  let bytes = 0;
  for (const [rank, i] of order.entries()) {
    bytes += sizes[i];
    if (bytes > budget && rank > 0) break;
    drawn[i] = 1;
  }
  return drawn;
}

/**
 * Documents with a split hash below this threshold are held out: the requested share, or slightly more if that would
 * hold out nothing of a small dataset.
 */
function holdOutShare(
  split_draws: Float64Array,
  taken: Uint8Array,
  own_split: Uint8Array,
  share: number,
): number {
  let lowest = Infinity, next = Infinity;
  split_draws.forEach((draw, i) => {
    if (!taken[i] || own_split[i] !== 0) return;
    if (draw < lowest) [lowest, next] = [draw, lowest];
    else if (draw > lowest && draw < next) next = draw;
  });
  // A single group of documents stays in train, which would otherwise be empty.
  return share === 0 || lowest < share || next === Infinity ? share : next;
}

/** Small datasets are kept in memory between passes, up to this many UTF-16 units in total. */
const MAX_KEPT_CHARS = 64_000_000;

/** Yields to the event loop after this many UTF-16 units, so that other work can proceed. */
const CHARS_PER_TURN = 250_000;

/** Milliseconds between progress lines of a long pass. */
const LOG_EVERY_MS = 10_000;

interface ReaderOptions {
  /** Documents are truncated to this many UTF-8 bytes. */
  readonly max_bytes: number;
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
   * Streams the non-empty documents of a card.
   *
   * @param purpose what the pass does, for progress lines: "tokenizing".
   * @throws the signal's reason once it is aborted.
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
      const count = documents.toLocaleString("en");
      this.options.log(`${purpose} ${card.name}: ${count} documents, ${millions}M characters`);
    }
    if (keep === undefined) return;
    this.#room -= chars;
    this.#kept.set(card, keep);
  }

  #documents(card: DatasetCard): AsyncIterable<Document> {
    const log = (message: string) => {
      if (this.#logged.has(message)) return;
      this.#logged.add(message);
      this.options.log(message);
    };
    return card.documents({ signal: this.options.signal, log });
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

/** Replaces lone surrogates, which have no UTF-8 form, and truncates long documents. */
function prepare(document: Document, max_bytes: number): Document {
  return { ...document, text: cutToBytes(document.text.toWellFormed(), max_bytes) };
}

/** The longest prefix of a text whose UTF-8 form has at most `max_bytes`. */
function cutToBytes(text: string, max_bytes: number): string {
  if (text.length * 3 <= max_bytes) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(max_bytes));
  return text.slice(0, read);
}

/**
 * The tokens of each source, read from tables on demand.
 *
 * @module
 */
import { counted, didYouMean, keyFault } from "../words/mod.ts";
import type { Batch, ListReader, ports, TableInput } from "../stage/mod.ts";
import { lastAtOrBefore, resized } from "./arrays.ts";

/** A table of tokenized documents, as the tokenize stage writes it. */
export type TokenTable = TableInput<typeof ports.tokens.columns>;

/** Token ids, as wide as the vocabulary needs. */
export type TokenIds = Uint16Array | Uint32Array;

/** All documents of one source, end to end. Tokens stay on disk; only what is asked for is read. */
export interface TokenSet {
  /** The source's name, as mixtures refer to it. */
  readonly name: string;
  /** Number of documents. */
  readonly documents: number;
  /** Tokens of all documents together. */
  readonly token_count: number;
  /** UTF-8 length of all documents together. */
  readonly text_bytes: number;
  /** Whether any document has tokens on which no loss is taken in fine-tuning. */
  readonly is_masked: boolean;
  /** Token ids `start` to `end` of the documents laid end to end. */
  read(start: number, end: number): TokenIds;
}

/** A token set that also knows its documents: 12 bytes of memory each, and the spans of those with several. */
export interface DocumentSet extends TokenSet {
  /** [documents + 1]; document `i` is `read(offsets[i], offsets[i + 1])`. */
  readonly offsets: Float64Array;
  /** Pairs [start, end) of positions in document `index`, ascending, whose tokens are labels in fine-tuning. */
  lossSpans(index: number): ArrayLike<number>;
}

/**
 * Opens token tables, one set for each name in their `source` columns. Memory grows with the number of record batches
 * (of up to 8 MiB or 4,096 documents) and of changes of source, not with the tokens.
 *
 * The documents of a source keep their order; tables are read in the order of their names.
 *
 * @param inputs tables by the names the recipe gave them.
 * @param port name of the stage's input, for the message.
 * @returns sets by source name, sorted by name.
 * @throws {Error} when there are no documents, spans do not fit their document, or a source has a name that cannot be
 *   a key.
 */
export async function loadTokenSets(
  inputs: Readonly<Record<string, TokenTable>>,
  port?: string,
): Promise<Map<string, TokenSet>> {
  return await gather(inputs, port, (name) => new SourceTokens(name));
}

/** Opens token tables as `loadTokenSets` does, and keeps where documents begin. */
export async function loadDocumentSets(
  inputs: Readonly<Record<string, TokenTable>>,
  port?: string,
): Promise<Map<string, DocumentSet>> {
  const sets = await gather(inputs, port, (name) => new SourceDocuments(name));
  sets.forEach((set) => set.close());
  return sets;
}

/** @throws {Error} naming the known sources when there is no set of this name. */
export function findSet<S extends TokenSet>(sets: ReadonlyMap<string, S>, name: string): S {
  const set = sets.get(name);
  if (set) return set;
  const known = [...sets.keys()];
  const meant = didYouMean(name, known) ||
    `; they have ${known.map((key) => `"${key}"`).join(", ")}`;
  throw new Error(`no source "${name}" in the tokens${meant}`);
}

type Columns = typeof ports.tokens.columns;
type Documents = Batch<Pick<Columns, "source" | "loss_spans" | "text_bytes">>;
type Tokens = ListReader<{ values: TokenIds; offsets: Int32Array }>;

async function gather<S extends SourceTokens>(
  inputs: Readonly<Record<string, TokenTable>>,
  port: string | undefined,
  make: (name: string) => S,
): Promise<Map<string, S>> {
  const sets = new Map<string, S>();
  const names = Object.keys(inputs).sort();
  checkTokenizers(names.map((name) => [name, inputs[name].tokenizer]));
  checkDistinct(names.filter((name) => inputs[name].rows > 0), (name) => inputs[name].digest);
  for (const name of names) {
    const tokens: Tokens = await inputs[name].list("tokens");
    let row = 0;
    for await (const batch of inputs[name].batches(["source", "loss_spans", "text_bytes"])) {
      const rows = batch.source.length;
      const places = tokens.offsets(row, row + rows);
      for (let i = 0; i < rows; i++) {
        const source = batch.source[i];
        let set = sets.get(source);
        if (!set) {
          const fault = keyFault(source);
          if (fault !== undefined) throw new Error(`a source of the tokens "${name}": ${fault}`);
          sets.set(source, set = make(source));
        }
        set.add(tokens, places[i], places[i + 1], spansOf(batch, i), batch.text_bytes[i]);
      }
      row += rows;
    }
  }
  if (sets.size === 0) {
    const places = names.map((name) => port === undefined ? name : `${port}.${name}`);
    throw new Error(
      `no tokenized documents in ${places.length ? places.join(", ") : port ?? "the inputs"}; ` +
        "connect at least one table of tokens that is not empty",
    );
  }
  return new Map([...sets].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @throws {Error} when two tables were made by different tokenizers, as far as that is known. */
function checkTokenizers(tables: readonly (readonly [name: string, tokenizer?: string])[]): void {
  const known = tables.filter(([, tokenizer]) => tokenizer !== undefined);
  const other = known.find(([, tokenizer]) => tokenizer !== known[0][1]);
  if (!other) return;
  throw new Error(
    `the tokens "${known[0][0]}" and "${
      other[0]
    }" were made by different tokenizers, so equal ids ` +
      "mean different words; tokenize both with one tokenizer",
  );
}

/** @throws {Error} when two tables are the same. */
function checkDistinct(names: readonly string[], digestOf: (name: string) => string): void {
  const first = new Map<string, string>();
  for (const name of names) {
    const before = first.get(digestOf(name));
    if (before !== undefined) {
      throw new Error(
        `the tokens "${before}" and "${name}" are the same table, so that every document would count ` +
          "twice; connect it once",
      );
    }
    first.set(digestOf(name), name);
  }
}

/** Documents of a source that are adjacent in one table. */
interface Run {
  readonly tokens: Tokens;
  /** Position of its first token in the table. */
  readonly at: number;
  /** Position of its first token in the source. */
  readonly start: number;
  end: number;
}

class SourceTokens implements TokenSet {
  documents = 0;
  token_count = 0;
  text_bytes = 0;
  is_masked = false;
  readonly #runs: Run[] = [];

  constructor(readonly name: string) {}

  add(tokens: Tokens, from: number, to: number, spans: Uint32Array, text_bytes: number): void {
    if (!areSpans(spans, to - from)) {
      throw new Error(
        `document ${this.documents} of source "${this.name}" has ${counted(to - from, "token")} ` +
          `and loss_spans [${
            spans.join(", ")
          }]; they must be pairs of positions in the document, ascending`,
      );
    }
    const last = this.#runs.at(-1);
    const continues = last?.tokens === tokens && last.at + last.end - last.start === from;
    if (continues) last.end += to - from;
    else {
      const start = this.token_count;
      this.#runs.push({ tokens, at: from, start, end: start + to - from });
    }
    this.documents++;
    this.token_count += to - from;
    this.text_bytes += text_bytes;
    this.is_masked ||= !(spans[0] === 0 && spans[1] === to - from) && to > from;
  }

  read(start: number, end: number): TokenIds {
    const parts: TokenIds[] = [];
    const first = lastAtOrBefore(start, this.#runs.length, (r) => this.#runs[r].start);
    for (let at = start, r = Math.max(0, first); at < end; r++) {
      const run = this.#runs[r];
      const until = Math.min(end, run.end);
      if (until > at) {
        parts.push(run.tokens.read(run.at + at - run.start, run.at + until - run.start));
      }
      at = Math.max(at, until);
    }
    return parts.length === 1 ? parts[0] : joinIds(parts);
  }
}

class SourceDocuments extends SourceTokens implements DocumentSet {
  offsets = new Float64Array(1024);
  /** Start of the span that goes to a document's end; where the spans are others, -1 - their index in `#others`. */
  #starts = new Int32Array(1024);
  /** Spans one after another, each document's after their number. */
  #others = new Int32Array(0);
  #used = 0;

  override add(tokens: Tokens, from: number, to: number, spans: Uint32Array, bytes: number): void {
    super.add(tokens, from, to, spans, bytes);
    if (this.documents >= this.offsets.length) {
      this.offsets = resized(this.offsets, 2 * this.offsets.length);
      this.#starts = resized(this.#starts, this.offsets.length);
    }
    const to_end = spans.length === 2 && spans[1] === to - from;
    this.#starts[this.documents - 1] = to_end ? spans[0] : -1 - this.#keep(spans);
    this.offsets[this.documents] = this.token_count;
  }

  #keep(spans: Uint32Array): number {
    const at = this.#used;
    this.#used += spans.length + 1;
    if (this.#used > this.#others.length) this.#others = resized(this.#others, 2 * this.#used);
    this.#others[at] = spans.length;
    this.#others.set(spans, at + 1);
    return at;
  }

  lossSpans(index: number): ArrayLike<number> {
    const start = this.#starts[index];
    if (start >= 0) return [start, this.offsets[index + 1] - this.offsets[index]];
    const at = -1 - start;
    return this.#others.subarray(at + 1, at + 1 + this.#others[at]);
  }

  /** Drops the room for more documents. */
  close(): void {
    this.offsets = resized(this.offsets, this.documents + 1);
    this.#starts = resized(this.#starts, this.documents);
    this.#others = resized(this.#others, this.#used);
  }
}

function spansOf({ loss_spans: { values, offsets } }: Documents, row: number): Uint32Array {
  return values.subarray(offsets[row], offsets[row + 1]);
}

function areSpans(spans: Uint32Array, length: number): boolean {
  if (spans.length % 2 === 1) return false;
  for (let i = 0; i < spans.length; i += 2) {
    if (spans[i] < (spans[i - 1] ?? 0) || spans[i] >= spans[i + 1]) return false;
  }
  return (spans.at(-1) ?? 0) <= length;
}

/** Concatenates ids; as wide as the widest part. */
export function joinIds(parts: readonly TokenIds[]): TokenIds {
  const wide = parts.some((part) => part instanceof Uint32Array);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const joined = wide ? new Uint32Array(length) : new Uint16Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * What all record readers share: what a format is, the records it gives, limits, and what happens to faults.
 *
 * @module
 */

import { errorText } from "../words/mod.ts";

import { Turns } from "./turns.ts";

/** One record and where it is. */
export interface DataRecord {
  /** The file as it was named; `archive.zip/entry` inside an archive. */
  readonly file: string;
  /** Counted from 1: the line of JSON Lines and CSV, the element of JSON, the row of a table, the part of a text. */
  readonly row: number;
  /** The split of an archive's entry, if its entries are named after splits. */
  readonly split?: "train" | "validation";
  /**
   * Columns by name, with JSON's types. Integers beyond 2^53 and decimals are strings of digits, timestamps and dates
   * are ISO 8601 strings in UTC, binary columns are `Uint8Array`s.
   */
  readonly value: Readonly<Record<string, unknown>>;
}

/** A file format: a constant in a file of its own, and a line in the table `FORMATS` (formats.ts). */
export interface Format {
  /** Endings of the names of files in this format, e.g. `.parquet`. */
  readonly endings: readonly string[];
  /** What one record is, for the docs. */
  readonly record: string;
  /** Streams the records of a file in the order of its rows. */
  readFile(path: string, reading: Reading): AsyncGenerator<DataRecord>;
}

/** A format read from front to back, and therefore also from `.gz` and `.zst` files and inside ZIP archives. */
export interface StreamFormat extends Omit<Format, "readFile"> {
  /** Further endings of files in this format inside archives. */
  readonly archive_endings?: readonly string[];
  /**
   * @param file what records and messages call these bytes.
   * @param path what a record with the whole text calls them.
   */
  readStream(
    chunks: AsyncIterable<Uint8Array>,
    file: string,
    reading: Reading,
    path: string,
  ): AsyncGenerator<DataRecord>;
}

/** Whether a name has one of some endings, in any case. */
export function hasEnding(name: string, endings: readonly string[] = []): boolean {
  return endings.some((ending) => name.toLowerCase().endsWith(ending));
}

/** How large a file may become while it is read, so that a damaged or hostile one ends in an error, not a full memory. */
export interface Limits {
  /** Longest record in bytes, decompressed: a line, an element of JSON. Longer text files are cut into several. */
  readonly max_record_bytes: number;
  /** Largest decompressed size of one compressed file, archive entry or page. */
  readonly max_expanded_bytes: number;
  /**
   * Largest ratio of expanded to compressed bytes, for everything that expands to more than 64 MiB.
   * Repetitive JSON reaches 300; deflate cannot exceed 1032, and decompression bombs come close to it.
   */
  readonly max_expansion: number;
}

export const DEFAULT_LIMITS: Limits = {
  max_record_bytes: 64 * 2 ** 20,
  max_expanded_bytes: 256 * 2 ** 30,
  max_expansion: 600,
};

/** Expanding to less is harmless at any ratio. */
const HARMLESS_BYTES = 64 * 2 ** 20;

/** A fault in a stream of bytes; the reader that parses them knows at which record. */
export class StreamFault extends Error {}

/**
 * Refuses data that expands too much.
 *
 * @param compressed bytes read so far, or declared.
 * @param expanded bytes they expand to.
 * @throws {StreamFault} naming the limit to raise.
 */
export function checkExpansion(limits: Limits, compressed: number, expanded: number): void {
  if (expanded > limits.max_expanded_bytes) {
    throw new StreamFault(
      `expands to more than ${limits.max_expanded_bytes} bytes; raise limits.max_expanded_bytes if you trust it`,
    );
  }
  if (expanded > HARMLESS_BYTES && expanded > limits.max_expansion * compressed) {
    throw new StreamFault(
      `expands to more than ${limits.max_expansion} times its size, like a decompression bomb; ` +
        "raise limits.max_expansion if you trust it",
    );
  }
}

export interface ReadingOptions {
  /** The split to read from a folder with several, as Hugging Face dataset folders have. */
  split?: string;
  /** What to do with a record that cannot be read: fail (default), or skip it. */
  on_error?: "fail" | "skip";
  /** Called for each skipped record, and once for the unreadable rest of a file, with file and row. */
  onSkip?: (message: string) => void;
  /** Called for each entry of an archive that is not read, with the reason. */
  onPassOver?: (file: string, why: string) => void;
  /** Reads only this split of an archive whose entries are named after splits. */
  wanted_split?: "train" | "validation";
  /** Called with what a person should know about a file that was read. */
  onNote?: (message: string) => void;
  /** Columns to read; others of a table are not decoded. Absent: all. */
  columns?: readonly string[];
  /** What is made of the records: other columns of a table are not decoded. Absent: not known. */
  uses?: readonly ColumnUse[];
  /** Whether numbers in JSON are only texts, and keep their spelling: `1.0`. */
  numbers_as_text?: boolean;
  /** Of a JSON file: the field that is the array of records, `a.b` for one inside another. */
  field?: string;
  /** Of text files: cut at this text into records. */
  separator?: string;
  /** Of CSV and TSV files: what separates the fields; by the ending if left out. */
  delimiter?: string;
  /** Value of the column `path` in the record of a text file; the file's path if left out. */
  nameOf?: (file: string) => string;
  limits?: Partial<Limits>;
  signal?: AbortSignal;
}

/** Use of a column by a template. */
export interface ColumnUse {
  /** Names it may have: `a.b` is a column of that name, or a field of the column `a`. */
  readonly names: readonly string[];
  readonly is_optional: boolean;
}

/** Options of one reading with their defaults. */
export class Reading {
  readonly limits: Limits;
  readonly split?: string;
  readonly columns?: readonly string[];
  readonly uses?: readonly ColumnUse[];
  readonly numbers_as_text: boolean;
  readonly field?: string;
  readonly separator?: string;
  readonly delimiter?: string;
  readonly nameOf: (file: string) => string;
  readonly wanted_split?: "train" | "validation";
  readonly #onPassOver?: (file: string, why: string) => void;
  readonly #signal?: AbortSignal;
  readonly #skip: boolean;
  readonly #onSkip?: (message: string) => void;
  readonly #onNote?: (message: string) => void;
  readonly #turns: Turns;

  constructor(options: ReadingOptions = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.split = options.split;
    this.columns = options.columns;
    this.wanted_split = options.wanted_split;
    this.#onPassOver = options.onPassOver;
    this.uses = options.uses;
    this.numbers_as_text = options.numbers_as_text ?? false;
    this.field = options.field;
    this.separator = options.separator;
    this.delimiter = options.delimiter;
    this.nameOf = options.nameOf ?? ((file) => file);
    this.#signal = options.signal;
    this.#turns = new Turns(options.signal);
    this.#skip = options.on_error === "skip";
    this.#onSkip = options.onSkip;
    this.#onNote = options.onNote;
  }

  /** @throws {unknown} the signal's reason once it is aborted. */
  throwIfAborted(): void {
    this.#signal?.throwIfAborted();
  }

  /** Lets others in now and then; see {@link Turns}. @throws {unknown} as {@link throwIfAborted}. */
  turn(): Promise<void> | undefined {
    return this.#turns.turn();
  }

  /**
   * Reports a record, or the rest of a file, that cannot be read.
   *
   * @throws {Error} with the message, unless faults are skipped.
   */
  fault(message: string): void {
    if (!this.#skip) throw new Error(message);
    this.#onSkip?.(message);
  }

  /** Reports an entry of an archive that is not read. */
  passOver(file: string, why: string): void {
    this.#onPassOver?.(file, why);
  }

  /** Says what a person should know about a file. */
  note(message: string): void {
    this.#onNote?.(message);
  }

  /** Name of a column that is needed and not among these. */
  missingColumn(present: readonly string[]): string | undefined {
    const use = this.uses?.find(({ names, is_optional }) =>
      !is_optional && !names.some((name) => present.includes(name))
    );
    return this.columns?.find((name) => !present.includes(name)) ?? use?.names.at(-1);
  }

  /** Name of a column that may be used and is there twice. */
  ambiguousColumn(present: readonly string[]): string | undefined {
    const used = this.columns ?? this.uses?.flatMap(({ names }) => names);
    return present.find((name, at) =>
      name !== "" && present.indexOf(name) < at && (used?.includes(name) ?? true)
    );
  }

  /** The wanted columns of a record. */
  select(value: Record<string, unknown>): Record<string, unknown> {
    if (this.columns === undefined) return value;
    const wanted: Record<string, unknown> = {};
    for (const column of this.columns) {
      if (Object.hasOwn(value, column)) setField(wanted, column, value[column]);
    }
    return wanted;
  }
}

/** Adds a field to a record. Assigning one named `__proto__` would set the prototype instead. */
export function setField(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") record[name] = value;
  else Object.defineProperty(record, name, { value, enumerable: true });
}

/**
 * The message for a fault in the bytes of a file, where lines or rows have no numbers.
 *
 * @param read number of lines, rows or texts before it.
 * @param fault "is encrypted", or a sentence of its own.
 */
export function faultAfter(
  file: string,
  read: number,
  what: "line" | "row" | "text",
  fault: string,
): string {
  if (read > 0) return `${file}, after ${what} ${read}: ${fault}`;
  return /^(?:is|has|cannot(?! read)|expands) /.test(fault)
    ? `${file} ${fault}`
    : `${file}: ${fault}`;
}

/** The message of any thrown value. */
export const messageOf = errorText;

/**
 * What all record readers share: the records they give, their options, and what becomes of faults.
 *
 * @module
 */
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";

/** How a file holds its records. */
export type RecordFormat =
  | "jsonl"
  | "json"
  | "parquet"
  | "arrow"
  | "text"
  | "zip"
  | "hf_dataset";

/** One record and where it stands. */
export interface DataRecord {
  /** The file as it was named; `archive.zip/entry` inside an archive. */
  readonly file: string;
  /** Counted from 1: the line of a text format, the row of a table, 1 for a whole text file. */
  readonly row: number;
  /**
   * Columns by name, of JSON's types. What JSON lacks is told so: integers beyond 2^53 are strings of
   * digits, timestamps and dates are ISO 8601 strings in UTC, binary columns are `Uint8Array`s.
   */
  readonly value: Readonly<Record<string, unknown>>;
}

export interface ReadOptions {
  /** Told by the name's ending when left out. */
  format?: RecordFormat;
  /** The split to read where a folder holds several, as Hugging Face dataset folders do. */
  split?: string;
  /** What to do with a record that cannot be read: fail (default), or leave it out and go on. */
  on_error?: "fail" | "skip";
  /** Called for each record left out, and once for the unreadable rest of a file, with file and row. */
  onSkip?: (message: string) => void;
  /** Columns wanted; of a table, others are not decoded. Absent: all. */
  columns?: readonly string[];
  /** What a text file is called in the column `path` of its record; as it was named when left out. */
  nameOf?: (file: string) => string;
  limits?: Partial<Limits>;
  signal?: AbortSignal;
}

/** One reading: its options with defaults filled in. */
export class Reading {
  readonly limits: Limits;
  readonly split?: string;
  readonly columns?: readonly string[];
  readonly nameOf: (file: string) => string;
  readonly #signal?: AbortSignal;
  readonly #skip: boolean;
  readonly #onSkip?: (message: string) => void;

  constructor(options: ReadOptions = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.split = options.split;
    this.columns = options.columns;
    this.nameOf = options.nameOf ?? ((file) => file);
    this.#signal = options.signal;
    this.#skip = options.on_error === "skip";
    this.#onSkip = options.onSkip;
  }

  /** @throws {unknown} the signal's reason once it is aborted. */
  throwIfAborted(): void {
    this.#signal?.throwIfAborted();
  }

  /**
   * Reports a record, or the rest of a file, that cannot be read.
   *
   * @throws {Error} with the message, unless faults are to be skipped.
   */
  fault(message: string): void {
    if (!this.#skip) throw new Error(message);
    this.#onSkip?.(message);
  }

  /** Narrows a record of a row format to the wanted columns. */
  select(value: Record<string, unknown>): Record<string, unknown> {
    if (this.columns === undefined) return value;
    const wanted: Record<string, unknown> = {};
    for (const column of this.columns) {
      if (Object.hasOwn(value, column)) wanted[column] = value[column];
    }
    return wanted;
  }
}

/** The message of whatever was thrown, for use inside a sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * CSV and TSV as RFC 4180 and spreadsheets have them. Records are found here, so that a file of any size is read one at a
 * time and bad ones are named; d3-dsv takes their fields apart.
 *
 * @module
 */
// @ts-types="npm:@types/d3-dsv@3.0.7"
import { dsvFormat } from "d3-dsv";
import { counted, formatNumber } from "../words/mod.ts";
import { notUtf8 } from "./content.ts";
import { PartialBytes } from "./file_bytes.ts";
import { withoutMark } from "./jsonl.ts";
import {
  type DataRecord,
  faultAfter,
  type Reading,
  StreamFault,
  type StreamFormat,
} from "./reading.ts";

/** Comma-separated values, or with another `delimiter`; the first line names the columns. */
export const csv: StreamFormat = {
  endings: [".csv"],
  record: "a line after the header; a text in quotes may go over several",
  readStream: (chunks, file, reading) => readRows(chunks, file, reading, reading.delimiter ?? ","),
};

/** Tab-separated values. */
export const tsv: StreamFormat = {
  endings: [".tsv", ".tab"],
  record: "as of `csv`, with tabs between the fields",
  readStream: (chunks, file, reading) => readRows(chunks, file, reading, reading.delimiter ?? "\t"),
};

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

async function* readRows(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  reading: Reading,
  delimiter: string,
): AsyncGenerator<DataRecord> {
  const cutter = new RowCutter(delimiter, reading.limits.max_record_bytes);
  const format = dsvFormat(delimiter);
  let header: readonly string[] | undefined;
  try {
    for await (const rows of rowsOf(chunks, cutter)) {
      reading.throwIfAborted();
      for (const row of rows) {
        if (row.bytes?.length === 0) continue;
        const where = `${file}:${row.line}`;
        const fields = fieldsOf(row, where, reading, format);
        if (header === undefined) {
          // Nothing can be read without it.
          if (fields === undefined || !checkHeader(fields, where, delimiter, reading)) return;
          header = fields;
          continue;
        }
        const value = fields && recordOf(header, fields, where, reading);
        if (value !== undefined) yield { file, row: row.line, value };
      }
    }
  } catch (error) {
    if (!(error instanceof StreamFault)) throw error;
    reading.fault(faultAfter(file, cutter.line - 1, "line", error.message));
  }
}

async function* rowsOf(chunks: AsyncIterable<Uint8Array>, cutter: RowCutter) {
  let is_first = true;
  for await (const chunk of chunks) {
    yield cutter.push(is_first ? withoutMark(chunk) : chunk);
    is_first = false;
  }
  yield cutter.rest();
}

/** @returns undefined for a skipped record. */
function fieldsOf(
  { bytes, problem }: Row,
  where: string,
  reading: Reading,
  format: ReturnType<typeof dsvFormat>,
): string[] | undefined {
  const { max_record_bytes } = reading.limits;
  let fault = problem;
  if (bytes === undefined) {
    fault = `the record is longer than limits.max_record_bytes (${
      formatNumber(max_record_bytes)
    } bytes); is a quote missing? Otherwise raise the limit`;
  } else if (fault === undefined) {
    try {
      return format.parseRows(DECODER.decode(bytes))[0];
    } catch {
      fault = notUtf8(bytes);
    }
  }
  reading.fault(`${where}: ${fault}`);
  return undefined;
}

/**
 * Checks the names of the columns.
 *
 * @returns whether the file can be read.
 * @throws {Error} when a wanted column is missing.
 */
function checkHeader(
  names: readonly string[],
  where: string,
  delimiter: string,
  reading: Reading,
): boolean {
  const twice = reading.ambiguousColumn(names);
  if (twice !== undefined) {
    reading.fault(`${where}: column "${twice}" appears twice; rename one of them`);
  }
  const missing = reading.missingColumn(names);
  if (missing === undefined) return twice === undefined;
  const other = names.length > 1
    ? undefined
    : [",", ";", "\t", "|"].find((sign) => sign !== delimiter && names[0].includes(sign));
  const hint = other === undefined ? "" : `; is the delimiter ${JSON.stringify(other)}?`;
  throw new Error(`${where}: no column "${missing}"; the file has ${names.join(", ")}${hint}`);
}

/** @returns undefined for a record of another length, which is skipped. */
function recordOf(
  names: readonly string[],
  fields: readonly string[],
  where: string,
  reading: Reading,
): Record<string, unknown> | undefined {
  if (fields.length === names.length) {
    return reading.select(Object.fromEntries(names.map((name, at) => [name, fields[at]])));
  }
  reading.fault(
    `${where}: ${counted(fields.length, "field")} for ${counted(names.length, "column")}`,
  );
  return undefined;
}

/** The bytes of one record, without the line's end. */
interface Row {
  /** Undefined if there are too many. */
  readonly bytes: Uint8Array | undefined;
  /** Line of the file where it begins, counted from 1. */
  readonly line: number;
  readonly problem?: string;
}

const QUOTE = 0x22, LINE_FEED = 10, CARRIAGE_RETURN = 13;

/** Where the position is within a field. */
type Place = "start" | "plain" | "quoted" | "after_quote";

/** Cuts bytes into records: at line ends outside of quotes. A quote opens a text only at the start of a field. */
class RowCutter {
  line = 1;
  readonly #row: PartialBytes;
  readonly #delimiter: number;
  #place: Place = "start";
  #lines_passed = 0;
  #problem: string | undefined;
  #after_return = false;

  constructor(delimiter: string, max_bytes: number) {
    this.#row = new PartialBytes(max_bytes);
    this.#delimiter = delimiter.charCodeAt(0);
  }

  push(chunk: Uint8Array): Row[] {
    const rows: Row[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      const is_second = this.#after_return && byte === LINE_FEED;
      this.#after_return = byte === CARRIAGE_RETURN;
      if (this.#place === "quoted") {
        if (byte === QUOTE) this.#place = "after_quote";
        else if (byte === CARRIAGE_RETURN || (byte === LINE_FEED && !is_second)) {
          this.#lines_passed++;
        }
      } else if (byte === LINE_FEED || byte === CARRIAGE_RETURN) {
        if (!is_second) {
          this.#row.add(chunk.subarray(start, at));
          rows.push(this.#take(true));
        }
        start = at + 1;
      } else if (byte === this.#delimiter) this.#place = "start";
      else if (byte === QUOTE && this.#place !== "plain") this.#place = "quoted";
      else {
        if (this.#place === "after_quote") this.#problem ??= "a closing quote is followed by text";
        this.#place = "plain";
      }
    }
    this.#row.add(chunk.subarray(start));
    return rows;
  }

  /** The record at the end of the file, which needs no line end. */
  rest(): Row[] {
    if (this.#place === "quoted") {
      this.#problem = "a quote is not closed before the end of the file";
    }
    return this.#row.length > 0 ? [this.#take(false)] : [];
  }

  #take(has_end: boolean): Row {
    const row = { bytes: this.#row.take(), line: this.line, problem: this.#problem };
    this.line += this.#lines_passed + (has_end ? 1 : 0);
    this.#lines_passed = 0;
    this.#problem = undefined;
    this.#place = "start";
    return row;
  }
}

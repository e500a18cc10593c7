/**
 * JSON Lines: one JSON object per line.
 *
 * @module
 */
import { formatNumber } from "../words/mod.ts";
import { notUtf8 } from "./content.ts";
import { PartialBytes } from "./file_bytes.ts";
import { parseJson } from "./json_text.ts";
import {
  type DataRecord,
  faultAfter,
  messageOf,
  type Reading,
  StreamFault,
  type StreamFormat,
} from "./reading.ts";

/** JSON Lines in UTF-8. Blank lines are skipped. */
export const jsonl: StreamFormat = {
  endings: [".jsonl", ".ndjson"],
  record: "a line",
  readStream: readJsonLines,
};

/** Records of the lines of a stream. */
export async function* readJsonLines(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  let row = 0;
  try {
    for await (const lines of readLines(chunks, reading.limits.max_record_bytes)) {
      reading.throwIfAborted();
      for (const line of lines) {
        row++;
        const value = parseRecord(
          row === 1 && line !== undefined ? withoutMark(line) : line,
          `${file}:${row}`,
          reading,
        );
        if (value !== undefined) yield { file, row, value };
      }
    }
  } catch (error) {
    // A fault of the stream comes after the last good record.
    if (!(error instanceof StreamFault)) throw error;
    reading.fault(faultAfter(file, row, "line", error.message));
  }
}

/** Byte order marks are removed by hand, once per file: the decoder would remove one from every line. */
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The record in the bytes of a JSON object.
 *
 * @param bytes undefined if there are too many.
 * @returns undefined for a blank or skipped one.
 */
export function parseRecord(
  bytes: Uint8Array | undefined,
  where: string,
  reading: Reading,
): Record<string, unknown> | undefined {
  if (bytes === undefined) {
    reading.fault(
      `${where}: the record is longer than limits.max_record_bytes (${
        formatNumber(reading.limits.max_record_bytes)
      } bytes); shorten it or raise the limit`,
    );
    return undefined;
  }
  if (isBlank(bytes[0] ?? 10) && bytes.every(isBlank)) return undefined;
  let text: string;
  try {
    text = DECODER.decode(bytes);
  } catch {
    reading.fault(`${where}: ${notUtf8(bytes)}`);
    return undefined;
  }
  try {
    const value = parseJson(text, reading.numbers_as_text);
    const problem = isObject(value) ? wrapping(value, reading) : NO_OBJECT;
    if (problem === undefined) return reading.select(value as Record<string, unknown>);
    reading.fault(`${where}: ${problem}`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    reading.fault(`${where}: not valid JSON (${messageOf(error)})${hintOf(text)}`);
  }
  return undefined;
}

const NO_OBJECT = "a record must be a JSON object with named columns";

/** What is wrong with an object that holds records instead of being one. */
function wrapping(value: Record<string, unknown>, reading: Reading): string | undefined {
  if (reading.missingColumn(Object.keys(value)) === undefined) return undefined;
  const lists = Object.entries(value).flatMap(([name, items]) =>
    Array.isArray(items) && items.length > 0 && items.every(isObject) ? [name] : []
  );
  if (lists.length === 0) return undefined;
  const fields = lists.map((name) => JSON.stringify(name)).join(" or ");
  return `the records seem to be in a list inside this object; add to the dataset: field: ${fields}, format: "json"`;
}

/** Why the start of an object may be no JSON. */
function hintOf(text: string): string {
  const start = text.trim();
  return start === "{" || start === "[" || /^[{[].*[,{[]$/s.test(start)
    ? '; if an object takes several lines, add to the dataset: format: "json"'
    : "";
}

/** Whether a JSON value has named fields. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isBlank(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

/** Bytes without a byte order mark. */
export function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

const LINE_FEED = 10;

/**
 * Cuts a stream into lines without their line feeds; the last line needs none. Lines are found and kept as bytes, so
 * that bad UTF-8 spoils only one line.
 *
 * @param max_bytes longest line.
 * @returns batches of lines, views of the chunks that are valid until the next batch; `undefined` for a line over the
 *   limit, which is not kept.
 */
async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  max_bytes: number,
): AsyncGenerator<(Uint8Array | undefined)[]> {
  const rest = new PartialBytes(max_bytes);
  for await (const chunk of chunks) {
    const lines: (Uint8Array | undefined)[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const line = chunk.subarray(start, end);
      if (start === 0 && rest.length > 0) {
        rest.add(line);
        lines.push(rest.take());
      } else lines.push(line.length <= max_bytes ? line : undefined);
      start = end + 1;
    }
    rest.add(chunk.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0) yield [rest.take()];
}

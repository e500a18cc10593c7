/**
 * JSON Lines: one JSON object a line. Files named `.json` may also hold one array of objects.
 *
 * @module
 */
import { readExpanded } from "./decompress.ts";
import { joinBytes } from "./file_bytes.ts";
import { StreamFault } from "./limits.ts";
import { type DataRecord, messageOf, Reading, type ReadOptions } from "./reading.ts";
import { readLines } from "./text_lines.ts";

/** One record and where it stands, for messages. */
export type JsonlRecord = DataRecord;

/**
 * Streams the records of a JSON Lines file, plain, `.gz` or `.zst`. Blank lines are skipped.
 *
 * @throws {Error} `file:row: …` for a line that is not a JSON object, bad UTF-8 or a damaged stream.
 */
export function readJsonl(path: string, options: ReadOptions = {}): AsyncGenerator<DataRecord> {
  const reading = new Reading(options);
  return readJsonLines(readExpanded(path, reading), path, reading);
}

/** The same for bytes from anywhere; `file` is their name in records and messages. */
export async function* readJsonLines(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  const { max_record_bytes } = reading.limits;
  let row = 0;
  try {
    for await (const lines of readLines(chunks, max_record_bytes)) {
      reading.throwIfAborted();
      for (const line of lines) {
        row++;
        const value = row === 1 && line !== undefined
          ? parseLine(withoutMark(line), `${file}:${row}`, reading)
          : parseLine(line, `${file}:${row}`, reading);
        if (value !== undefined) yield { file, row, value };
      }
    }
  } catch (error) {
    // A fault of the stream comes after the last good record: what is left of it has the next row.
    if (!(error instanceof StreamFault)) throw error;
    reading.fault(`${file}:${row + 1}: ${error.message}`);
  }
}

/** Streams a `.json` file: JSON Lines, or, told by its first character, one array of objects. */
export async function* readJson(path: string, reading: Reading): AsyncGenerator<DataRecord> {
  yield* readJsonBytes(readExpanded(path, reading), path, reading);
}

/** The same for bytes from anywhere; `file` is their name in records and messages. */
export async function* readJsonBytes(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  const source = chunks[Symbol.asyncIterator]();
  try {
    const { head, opening } = await readHead(source);
    const whole = chain(head, source);
    yield* opening === LEFT_BRACKET
      ? readArray(whole, file, reading)
      : readJsonLines(whole, file, reading);
  } catch (error) {
    if (!(error instanceof StreamFault)) throw error;
    reading.fault(`${file}:1: ${error.message}`);
  } finally {
    // An iterator driven by hand is not ended by leaving the loop, and would keep its file open.
    await source.return?.();
  }
}

/** The chunks up to the first character that is not blank, and that character. */
async function readHead(source: AsyncIterator<Uint8Array>) {
  const head: Uint8Array[] = [];
  let opening: number | undefined;
  while (opening === undefined) {
    const next = await source.next();
    if (next.done) break;
    head.push(next.value);
    opening = withoutMark(next.value).find((byte) => !isBlank(byte));
  }
  return { head, opening };
}

const LEFT_BRACKET = 0x5b;

async function* chain(
  head: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

/** An array is parsed whole, and so is bounded like one record. */
async function* readArray(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  let items: unknown;
  try {
    const bytes = await collect(chunks, reading.limits.max_record_bytes);
    if (bytes === undefined) {
      return reading.fault(
        `${file}:1: a JSON array of more than ${reading.limits.max_record_bytes} bytes; write it as JSON Lines, one object a line`,
      );
    }
    items = JSON.parse(DECODER.decode(withoutMark(bytes)));
  } catch (error) {
    if (error instanceof SyntaxError) {
      return reading.fault(`${file}:1: not a valid JSON array (${error.message})`);
    }
    if (error instanceof TypeError) return reading.fault(`${file}:1: is not UTF-8 text`);
    if (error instanceof StreamFault) return reading.fault(`${file}:1: ${error.message}`);
    throw error;
  }
  let row = 0;
  for (const item of items as unknown[]) {
    row++;
    if (isObject(item)) yield { file, row, value: reading.select(item) };
    else reading.fault(`${file}:${row}: ${NO_OBJECT}`);
  }
}

/** All bytes of a stream, or undefined where there are more than allowed. */
export async function collect(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    parts.push(chunk);
  }
  return joinBytes(parts);
}

const NO_OBJECT = "expected a JSON object with named columns";
/** Byte order marks are taken off by hand, once a file: the decoder would take one off every line. */
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @returns undefined for a blank line and for one that is left out. */
function parseLine(
  line: Uint8Array | undefined,
  where: string,
  reading: Reading,
): Record<string, unknown> | undefined {
  if (line === undefined) {
    reading.fault(
      `${where}: a line of more than ${reading.limits.max_record_bytes} bytes; raise max_record_bytes or shorten it`,
    );
    return undefined;
  }
  if (isBlank(line[0] ?? 10) && line.every(isBlank)) return undefined;
  let text: string;
  try {
    text = DECODER.decode(line);
  } catch {
    reading.fault(`${where}: cannot be decoded, it is not UTF-8 text`);
    return undefined;
  }
  try {
    const value = JSON.parse(text);
    if (isObject(value)) return reading.select(value);
    reading.fault(`${where}: ${NO_OBJECT}`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    reading.fault(`${where}: not valid JSON (${messageOf(error)})`);
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isBlank(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

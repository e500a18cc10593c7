/**
 * JSON Lines: one JSON object per line. Files named `.json` may also contain one array of objects.
 *
 * @module
 */
import { collect, joinBytes } from "./file_bytes.ts";
import {
  type DataRecord,
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

/** JSON Lines or one array of objects, told apart by the first character. */
export const json: StreamFormat = {
  endings: [".json"],
  record: "a line, or an element of the array in the file",
  readStream: readJson,
};

async function* readJsonLines(
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
        const value = row === 1 && line !== undefined
          ? parseLine(withoutMark(line), `${file}:${row}`, reading)
          : parseLine(line, `${file}:${row}`, reading);
        if (value !== undefined) yield { file, row, value };
      }
    }
  } catch (error) {
    // A fault of the stream comes after the last good record; it is reported for the next row.
    if (!(error instanceof StreamFault)) throw error;
    reading.fault(`${file}:${row + 1}: ${error.message}`);
  }
}

async function* readJson(
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
    // An iterator driven by hand does not end with the loop, and would keep its file open.
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

/** An array is parsed as a whole, so its size is limited like that of one record. */
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
        `${file}:1: the JSON array has more than ${reading.limits.max_record_bytes} bytes; write it as JSON Lines, one object per line`,
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

const NO_OBJECT = "expected a JSON object with named columns";
/** Byte order marks are removed by hand, once per file: the decoder would remove one from every line. */
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @returns undefined for a blank or skipped line. */
function parseLine(
  line: Uint8Array | undefined,
  where: string,
  reading: Reading,
): Record<string, unknown> | undefined {
  if (line === undefined) {
    reading.fault(
      `${where}: the line has more than ${reading.limits.max_record_bytes} bytes; raise max_record_bytes or shorten it`,
    );
    return undefined;
  }
  if (isBlank(line[0] ?? 10) && line.every(isBlank)) return undefined;
  let text: string;
  try {
    text = DECODER.decode(line);
  } catch {
    reading.fault(`${where}: is not UTF-8 text`);
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
  const rest = new UnfinishedLine(max_bytes);
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

/** The beginning of a line that continues in the next chunk. */
class UnfinishedLine {
  length = 0;
  #parts: Uint8Array[] = [];
  constructor(readonly max_bytes: number) {}

  add(bytes: Uint8Array): void {
    this.length += bytes.length;
    if (this.length > this.max_bytes) this.#parts = [];
    else if (bytes.length > 0) this.#parts.push(bytes);
  }

  take(): Uint8Array | undefined {
    const line = this.length > this.max_bytes ? undefined : joinBytes(this.#parts);
    this.length = 0;
    this.#parts = [];
    return line;
  }
}

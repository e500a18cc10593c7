/**
 * JSON files: an array of objects, objects one after the other on any number of lines, or an object with a field that is
 * an array of objects. Elements are parsed one by one, so the file may have any size.
 *
 * @module
 */
import { formatNumber } from "../words/mod.ts";
import { ValueCutter } from "./json_values.ts";
import { isBlank, parseRecord, readJsonLines, withoutMark } from "./jsonl.ts";
import {
  type DataRecord,
  faultAfter,
  type Reading,
  StreamFault,
  type StreamFormat,
} from "./reading.ts";

/** JSON of any of these forms, told apart by the first line and the setting `field`. */
export const json: StreamFormat = {
  endings: [".json"],
  record:
    "an object: an element of the array in the file or in its `field`, or objects one after " +
    "the other",
  readStream: readJson,
};

const LEFT_BRACKET = 0x5b;
const LINE_FEED = 10;

async function* readJson(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  const source = chunks[Symbol.asyncIterator]();
  try {
    const { head, opening, is_line } = await readHead(source, reading.limits.max_record_bytes);
    const whole = chain(head, source);
    if (reading.field !== undefined && opening !== undefined) {
      if (opening !== LEFT_BRACKET) yield* readField(whole, file, reading, reading.field);
      else reading.fault(`${file}: the file is an array; remove "field" from the dataset`);
    } else if (opening === LEFT_BRACKET) yield* readField(whole, file, reading, "");
    else if (is_line) yield* readJsonLines(whole, file, reading);
    else yield* readSequence(whole, file, reading);
  } catch (error) {
    if (!(error instanceof StreamFault)) throw error;
    reading.fault(faultAfter(file, 0, "row", error.message));
  } finally {
    // An iterator driven by hand does not end with the loop, and would keep its file open.
    await source.return?.();
  }
}

/**
 * The chunks up to the end of the first line that is not blank, its first character, and whether it is a whole value: if
 * so, the file has a value per line.
 */
async function readHead(source: AsyncIterator<Uint8Array>, max_bytes: number) {
  const head: Uint8Array[] = [];
  const cutter = new ValueCutter({ max_bytes: 0 });
  let opening: number | undefined, values = 0;
  for (let bytes = 0; bytes <= max_bytes;) {
    const next = await source.next();
    if (next.done) break;
    const chunk = head.length === 0 ? withoutMark(next.value) : next.value;
    head.push(chunk);
    bytes += chunk.length;
    const start = opening === undefined ? chunk.findIndex((byte) => !isBlank(byte)) : 0;
    if (start < 0) continue;
    opening ??= chunk[start];
    if (opening === LEFT_BRACKET) break;
    const end = chunk.indexOf(LINE_FEED, start);
    values += cutter.push(chunk.subarray(start, end < 0 ? undefined : end)).length;
    if (end >= 0) break;
  }
  return { head, opening, is_line: !cutter.is_unfinished && values <= 1 };
}

async function* chain(
  head: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

/** Objects one after the other, over any number of lines. */
async function* readSequence(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  const cutter = new ValueCutter({ max_bytes: reading.limits.max_record_bytes });
  let row = 0;
  const record = (bytes: Uint8Array | undefined) => {
    if (bytes === undefined) {
      reading.fault(
        `${file}:${++row}: the object is longer than limits.max_record_bytes (${
          formatNumber(reading.limits.max_record_bytes)
        } bytes); if its records are in a list inside it, set "field" to the list's name, else raise the limit`,
      );
      return [];
    }
    const value = parseRecord(bytes, `${file}:${++row}`, reading);
    return value === undefined ? [] : [{ file, row, value }];
  };
  try {
    for await (const chunk of chunks) {
      reading.throwIfAborted();
      for (const bytes of cutter.push(chunk)) yield* record(bytes);
    }
    yield* record(cutter.rest());
  } catch (error) {
    if (!(error instanceof StreamFault)) throw error;
    reading.fault(faultAfter(file, row, "row", error.message));
  }
}

/**
 * Elements of an array.
 *
 * @param field name of the field that is the array, `a.b` for one inside another; "" if the file is the array.
 */
async function* readField(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  reading: Reading,
  field: string,
): AsyncGenerator<DataRecord> {
  const max_bytes = reading.limits.max_record_bytes;
  const path = field === "" ? [] : field.split(".");
  const cutter = new ValueCutter({ field: path, max_bytes });
  let row = 0, blank = false;
  try {
    for await (const chunk of chunks) {
      reading.throwIfAborted();
      for (const bytes of cutter.push(chunk)) {
        row++;
        // Only an empty array has nothing between its brackets.
        if (blank || (row > 1 && bytes?.every(isBlank))) {
          reading.fault(`${file}:${row}: not valid JSON (a comma without an element)`);
        }
        blank = row === 1 && (bytes?.every(isBlank) ?? false);
        const value = parseRecord(bytes, `${file}:${row}`, reading);
        if (value !== undefined) yield { file, row, value };
      }
    }
  } catch (error) {
    if (!(error instanceof StreamFault)) throw error;
    return reading.fault(faultAfter(file, row, "row", error.message));
  }
  if (cutter.is_unfinished) {
    reading.fault(
      faultAfter(
        file,
        row,
        "row",
        "not valid JSON (the file ends too early); fetch or write it again",
      ),
    );
  } else if (!cutter.found) {
    const arrays = cutter.arrays.map((name) => `"${name}"`).join(", ");
    reading.fault(
      `${file}: there is no array "${field}"; ` +
        (arrays === ""
          ? "it has no fields that are arrays"
          : `the fields that are arrays are ${arrays}`),
    );
  } else if (cutter.has_more) {
    reading.fault(
      faultAfter(file, row, "row", "not valid JSON (the array ends before the file does)"),
    );
  }
}

/**
 * Text and source files as records, one a file.
 *
 * @module
 */
import { readExpanded } from "./decompress.ts";
import { collect } from "./jsonl.ts";
import { StreamFault } from "./limits.ts";
import type { DataRecord, Reading } from "./reading.ts";

/** Takes a byte order mark off, which is no part of the text. */
const DECODER = new TextDecoder("utf-8", { fatal: true });

/** Gives the one record `{ path, text }` of a UTF-8 file, plain, `.gz` or `.zst`. */
export function readTextFile(path: string, reading: Reading): AsyncGenerator<DataRecord> {
  return readText(readExpanded(path, reading), path, reading.nameOf(path), reading);
}

/**
 * The same for bytes from anywhere.
 *
 * @param file names the bytes in the record and in messages.
 * @param path the record's column of that name.
 */
export async function* readText(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  path: string,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  const { max_record_bytes } = reading.limits;
  let text: string;
  try {
    const bytes = await collect(chunks, max_record_bytes);
    if (bytes === undefined) {
      return reading.fault(
        `${file}:1: a text of more than ${max_record_bytes} bytes; raise max_record_bytes or split it`,
      );
    }
    text = DECODER.decode(bytes);
  } catch (error) {
    if (error instanceof StreamFault) return reading.fault(`${file}:1: ${error.message}`);
    if (error instanceof TypeError) return reading.fault(`${file}:1: is not UTF-8 text`);
    throw error;
  }
  yield { file, row: 1, value: reading.select({ path, text }) };
}

/**
 * Text and source files: one record per file.
 *
 * @module
 */
import { collect } from "./file_bytes.ts";
import { type DataRecord, type Reading, StreamFault, type StreamFormat } from "./reading.ts";

const SOURCE_ENDINGS =
  ("c cc cpp cs css go h hpp html java js jsx kt lua mjs php pl py r rb rs scala sh sol sql swift tex " +
    "toml ts tsx xml yaml yml").split(" ").map((name) => `.${name}`);

/** UTF-8 text files. Endings do not matter in a folder that is read as `text`. */
export const text: StreamFormat = {
  endings: [".txt", ".md", ".rst"],
  archive_endings: SOURCE_ENDINGS,
  record: "the whole file, as `{ path, text }`",
  readStream: readText,
};

/** Removes a byte order mark, which is not part of the text. */
const DECODER = new TextDecoder("utf-8", { fatal: true });

async function* readText(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  reading: Reading,
  path: string,
): AsyncGenerator<DataRecord> {
  const { max_record_bytes } = reading.limits;
  let text: string;
  try {
    const bytes = await collect(chunks, max_record_bytes);
    if (bytes === undefined) {
      return reading.fault(
        `${file}:1: the text has more than ${max_record_bytes} bytes; raise max_record_bytes or split it`,
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

/**
 * Records of files of any format behind one function.
 *
 * @module
 */
import { readArrow } from "./arrow.ts";
import { listDataFiles } from "./file_set.ts";
import { formatOfName, isDatasetFolder, KNOWN_ENDINGS } from "./formats.ts";
import { readDatasetFolder } from "./hf_folder.ts";
import { readJson, readJsonl } from "./jsonl.ts";
import { readParquet } from "./parquet.ts";
import { type DataRecord, Reading, type ReadOptions, type RecordFormat } from "./reading.ts";
import { readTextFile } from "./text_files.ts";
import { readZipRecords } from "./zip.ts";

/**
 * Streams the records of a file, a folder or a glob (see {@link listDataFiles}), files in order of their
 * names and records in order of their rows. Memory is bounded: by a record of a text format, by a row
 * group of Parquet, by a record batch of Arrow, whatever the size of the file.
 *
 * | format       | ending                             | record                                     |
 * | ------------ | ---------------------------------- | ------------------------------------------ |
 * | `jsonl`      | `.jsonl` `.ndjson`                 | a line; also `.gz`, `.zst`                 |
 * | `json`       | `.json`                            | a line, or an element of the array it holds |
 * | `parquet`    | `.parquet`                         | a row                                      |
 * | `arrow`      | `.arrow` `.feather` `.ipc`         | a row, of the file or the stream format    |
 * | `text`       | `.txt` `.md` `.rst`, any if named  | `{ path, text }` of a file                 |
 * | `zip`        | `.zip`                             | the records of its text and JSON entries   |
 * | `hf_dataset` | folder with `state.json` or `dataset_dict.json` | a row                         |
 *
 * @throws {Error} `file:row: …` for a record that cannot be read, unless `on_error` is `"skip"`; for a
 *   missing file, an unknown format, and a folder whose split has to be named.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { readRecords } from "./records.ts";
 * const file = await Deno.makeTempFile({ suffix: ".jsonl" });
 * await Deno.writeTextFile(file, '{"text":"one"}\nnot JSON\n{"text":"two"}\n');
 * const texts = [];
 * const skipped: string[] = [];
 * const onSkip = (message: string) => skipped.push(message);
 * for await (const { row, value } of readRecords(file, { on_error: "skip", onSkip })) {
 *   texts.push(`${row} ${value.text}`);
 * }
 * assert.deepEqual(texts, ["1 one", "3 two"]);
 * assert.ok(skipped[0].startsWith(`${file}:2: not valid JSON`));
 * await Deno.remove(file);
 * ```
 */
export async function* readRecords(
  path: string,
  options: ReadOptions = {},
): AsyncGenerator<DataRecord> {
  const reading = new Reading(options);
  for (const file of listDataFiles(path, options.format)) {
    reading.throwIfAborted();
    yield* readFile(file, options.format ?? formatOf(file), options, reading);
  }
}

function readFile(
  file: string,
  format: RecordFormat,
  options: ReadOptions,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  switch (format) {
    case "jsonl":
      return readJsonl(file, options);
    case "json":
      return readJson(file, reading);
    case "parquet":
      return readParquet(file, reading);
    case "arrow":
      return readArrow(file, reading);
    case "text":
      return readTextFile(file, reading);
    case "zip":
      return readZipRecords(file, reading);
    case "hf_dataset":
      return readDatasetFolder(file, reading);
  }
}

function formatOf(file: string): RecordFormat {
  const format = isDatasetFolder(file) ? "hf_dataset" : formatOfName(file);
  if (format !== undefined) return format;
  throw new Error(
    `${file}: the ending tells no format; name the format, or use one of ${
      KNOWN_ENDINGS.join(" ")
    }`,
  );
}

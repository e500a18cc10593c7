/**
 * Records of files in any format.
 *
 * @module
 */
import { extname } from "node:path";
import { endingFault } from "./file_names.ts";
import { formatOf, FORMATS, KNOWN_ENDINGS, type RecordFormat } from "./formats.ts";
import { dataFiles } from "./list_files.ts";
import { type DataRecord, Reading, type ReadingOptions } from "./reading.ts";
import { inTurns } from "./turns.ts";

export interface ReadOptions extends ReadingOptions {
  /** The format by the ending of each file's name if left out. */
  format?: RecordFormat;
}

/**
 * Streams the records of a file, folder or glob (see `listDataFiles`), files in order of their names and records
 * in order of their rows. Formats: see `FORMATS`. Memory is bounded whatever the size of the file: by one record of a
 * text format, the compressed columns of a row group of Parquet, or a record batch of Arrow.
 *
 * @throws {Error} `file:row: …` for a record that cannot be read, unless `on_error` is `"skip"`; for a missing file, an
 *   unknown format, and a folder with several splits when none is named.
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
  for (const file of await inTurns(dataFiles(path, options.format), options.signal)) {
    await reading.turn();
    const format = options.format ?? formatOf(file);
    if (format === undefined) {
      throw new Error(
        `${file}: ` +
          (endingFault(file) ?? `unknown file type "${extname(file)}"; set "format" or ` +
              `use one of ${KNOWN_ENDINGS.join(" ")}`),
      );
    }
    refuseOtherSettings(file, format, options);
    yield* FORMATS[format].readFile(file, reading);
  }
}

/** Formats that a setting is for; an archive may have entries of any. */
const SETTINGS = {
  field: ["json", "zip"],
  separator: ["text", "zip"],
  delimiter: ["csv", "tsv", "zip"],
} satisfies Record<string, readonly RecordFormat[]>;

/** A setting without effect would hide a mistake. */
function refuseOtherSettings(file: string, format: RecordFormat, options: ReadOptions): void {
  for (const [name, formats] of Object.entries(SETTINGS)) {
    const given = options[name as keyof typeof SETTINGS];
    if (given === undefined || (formats as RecordFormat[]).includes(format)) continue;
    throw new Error(
      `${file}: "${name}" is for files in format ${
        formats.slice(0, -1).join(" or ")
      }, and this one is read as ` +
        `${format}; remove "${name}" or set "format"`,
    );
  }
}

/**
 * The table of file formats. A new format is a file with a `Format` or `StreamFormat`, and a line here.
 *
 * @module
 */
import { arrow } from "./arrow.ts";
import { csv, tsv } from "./csv.ts";
import { readExpanded, withoutCompression } from "./decompress.ts";
import { hf_dataset, isDatasetFolder } from "./hf_folder.ts";
import { json } from "./json.ts";
import { jsonl } from "./jsonl.ts";
import { parquet } from "./parquet.ts";
import { type Format, hasEnding, type StreamFormat } from "./reading.ts";
import { text } from "./text.ts";
import { zipOf } from "./zip.ts";

/** Formats read from front to back: also from `.gz` and `.zst` files and inside ZIP archives. */
const STREAM_FORMATS = { jsonl, json, csv, tsv, text } satisfies Record<string, StreamFormat>;

/** Formats that need random access to a file, and folders. */
const FILE_FORMATS = {
  parquet,
  arrow,
  zip: zipOf(STREAM_FORMATS),
  hf_dataset,
} satisfies Record<string, Format>;

/** Name of a file format. */
export type RecordFormat = keyof typeof STREAM_FORMATS | keyof typeof FILE_FORMATS;

export const FORMATS: Readonly<Record<RecordFormat, Format>> = {
  ...fromFiles(STREAM_FORMATS),
  ...FILE_FORMATS,
};

/** Names of all formats. */
export const FORMAT_NAMES = Object.keys(FORMATS) as RecordFormat[];

/** Endings of files that can be read without naming a format. */
export const KNOWN_ENDINGS: readonly string[] = Object.values(FORMATS)
  .flatMap(({ endings }) => endings);

function fromFiles<K extends string>(formats: Record<K, StreamFormat>): Record<K, Format> {
  const entries = Object.entries<StreamFormat>(formats).map(([name, format]): [string, Format] => [
    name,
    {
      ...format,
      readFile: (path, reading) =>
        format.readStream(readExpanded(path, reading), path, reading, reading.nameOf(path)),
    },
  ]);
  return Object.fromEntries(entries) as Record<K, Format>;
}

/** The format of a file by the ending of its name; undefined for an unknown one. */
export function formatOfName(path: string): RecordFormat | undefined {
  const inside = withoutCompression(path);
  const format = FORMAT_NAMES.find((name) => hasEnding(inside, FORMATS[name].endings));
  return inside === path || (format && format in STREAM_FORMATS) ? format : undefined;
}

/** The format of a file, or of a folder that is one saved dataset. */
export function formatOf(path: string): RecordFormat | undefined {
  return isDatasetFolder(path) ? "hf_dataset" : formatOfName(path);
}

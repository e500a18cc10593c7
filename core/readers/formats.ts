/**
 * Which format a file has, by its name.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { withoutCompression } from "./decompress.ts";
import type { RecordFormat } from "./reading.ts";

/** Formats read line by line or whole, and so through `.gz` and `.zst` too. */
const TEXT_ENDINGS: Readonly<Record<string, RecordFormat>> = {
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".json": "json",
  ".txt": "text",
  ".md": "text",
  ".rst": "text",
};

/** Program source, read as text inside archives, and in folders where the format is said to be text. */
const SOURCE_ENDINGS = new Set(
  ("c cc cpp cs css go h hpp html java js jsx kt lua mjs php pl py r rb rs scala sh sol sql swift tex " +
    "toml ts tsx xml yaml yml").split(" ").map((name) => `.${name}`),
);

/** Formats read at any place. */
const BINARY_ENDINGS: Readonly<Record<string, RecordFormat>> = {
  ".parquet": "parquet",
  ".arrow": "arrow",
  ".feather": "arrow",
  ".ipc": "arrow",
  ".zip": "zip",
};

/** Endings of files that are read without a format being named. */
export const KNOWN_ENDINGS: readonly string[] = Object.keys({ ...TEXT_ENDINGS, ...BINARY_ENDINGS });

/** The format of a file by its ending, or undefined where none is known. */
export function formatOfName(path: string): RecordFormat | undefined {
  return BINARY_ENDINGS[endingOf(path)] ?? TEXT_ENDINGS[endingOf(withoutCompression(path))];
}

/** The format of an archive's entry, or undefined for one that is passed over. */
export function formatOfEntry(path: string): "jsonl" | "json" | "text" | undefined {
  const format = TEXT_ENDINGS[endingOf(withoutCompression(path))];
  if (format !== undefined) return format as "jsonl" | "json" | "text";
  return SOURCE_ENDINGS.has(endingOf(path)) ? "text" : undefined;
}

/** True for a folder as Hugging Face `datasets` saves a dataset or a dictionary of datasets. */
export function isDatasetFolder(path: string): boolean {
  return existsSync(join(path, "dataset_dict.json")) || existsSync(join(path, "state.json"));
}

function endingOf(path: string): string {
  return /\.[^./\\]*$/.exec(path)?.[0].toLowerCase() ?? "";
}

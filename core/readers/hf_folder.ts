/**
 * Folders as Hugging Face `datasets` saves them: `save_to_disk` of a dataset or a dictionary of datasets.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readArrow } from "./arrow.ts";
import { missingFile } from "./file_bytes.ts";
import { type DataRecord, messageOf, type Reading } from "./reading.ts";

const STATE = "state.json";
const INFO = "dataset_info.json";

const DatasetDict = z.object({ splits: z.array(z.string()) });
const State = z.object({
  _data_files: z.array(z.object({ filename: z.string() })),
  _split: z.string().nullish(),
  /** Rows chosen by reference; `datasets` before 2.0 could save them so. */
  _indices_data_files: z.array(z.unknown()).nullish(),
});

/**
 * Streams the records of a saved dataset, or of one split of a saved dictionary.
 *
 * @throws {Error} when a split has to be named, or the folder is not as described.
 */
export async function* readDatasetFolder(
  folder: string,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  const part = splitFolder(folder, reading.split);
  const state = parse(State, join(part, STATE));
  const { split } = reading;
  if (part === folder && split !== undefined && state._split && state._split !== split) {
    throw new Error(`${folder} holds the split "${state._split}", not "${split}"`);
  }
  for (const name of dataFiles(part, state)) yield* readArrow(join(part, name), reading);
}

/**
 * The names of all files that decide what is read of one saved dataset. Caches that using it leaves beside
 * them are not among them.
 *
 * @throws {Error} when the folder is not as described.
 */
export function datasetFiles(folder: string): string[] {
  const names = [STATE, ...dataFiles(folder, parse(State, join(folder, STATE)))];
  return existsSync(join(folder, INFO)) ? [...names, INFO] : names;
}

function dataFiles(folder: string, state: z.output<typeof State>): string[] {
  const place = join(folder, STATE);
  if (state._indices_data_files?.length) {
    throw new Error(
      `${place}: rows are chosen by an index file; save the dataset again after flatten_indices()`,
    );
  }
  return state._data_files.map(({ filename }) => {
    if (/^[^/\\\0]+$/.test(filename) && filename !== ".." && filename !== ".") return filename;
    throw new Error(
      `${place}: data file ${JSON.stringify(filename)} is refused, it lies outside the folder`,
    );
  });
}

function splitFolder(folder: string, split: string | undefined): string {
  const dictFile = join(folder, "dataset_dict.json");
  if (!existsSync(dictFile)) return folder;
  const { splits } = parse(DatasetDict, dictFile);
  if (split === undefined || !splits.includes(split)) {
    const what = split === undefined ? "holds several splits" : `has no split "${split}"`;
    throw new Error(`${folder} ${what}; set split to one of ${splits.join(", ")}`);
  }
  if (!/^[^/\\\0]+$/.test(split) || split === ".." || split === ".") {
    throw new Error(
      `${dictFile}: split ${JSON.stringify(split)} is refused, it is no folder's name`,
    );
  }
  return join(folder, split);
}

function parse<T>(schema: z.ZodType<T>, path: string): T {
  if (!existsSync(path)) throw missingFile(path);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`${path}: not valid JSON (${messageOf(error)})`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path: place, message } = result.error.issues[0];
  throw new Error(`${path}: ${place.join(".") || "content"}: ${message}`);
}

/**
 * Folders written by `save_to_disk` of Hugging Face `datasets`: a dataset or a dictionary of datasets.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { issueText } from "../words/mod.ts";
import { arrow } from "./arrow.ts";
import { missingFile } from "./file_bytes.ts";
import { type DataRecord, type Format, messageOf, type Reading } from "./reading.ts";

const STATE = "state.json";
const DICTIONARY = "dataset_dict.json";
const INFO = "dataset_info.json";

/** A saved dataset, or one split of a saved dictionary of datasets. */
export const hf_dataset: Format = {
  endings: [],
  record: "a row of a folder with `state.json` or `dataset_dict.json`",
  readFile: readDatasetFolder,
};

/** Whether a folder is a saved dataset or dictionary of datasets. */
export function isDatasetFolder(path: string): boolean {
  return existsSync(join(path, DICTIONARY)) || existsSync(join(path, STATE));
}

const dictionary_schema = z.object({ splits: z.array(z.string()) });
const state_schema = z.object({
  _data_files: z.array(z.object({ filename: z.string() })),
  _split: z.string().nullish(),
  /** Rows chosen by index; `datasets` before 2.0 could save them like this. */
  _indices_data_files: z.array(z.unknown()).nullish(),
});

/** @throws {Error} when a split has to be named, or the files of the folder do not fit together. */
async function* readDatasetFolder(
  folder: string,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  const part = splitFolder(folder, reading.split);
  const state = parse(state_schema, join(part, STATE));
  const { split } = reading;
  if (part === folder && split !== undefined && state._split && state._split !== split) {
    throw new Error(`${folder} has the split "${state._split}", not "${split}"`);
  }
  for (const name of dataFiles(part, state)) yield* arrow.readFile(join(part, name), reading);
}

/**
 * Names of the files that decide which records one saved dataset has, without the caches that using it leaves there.
 *
 * @throws {Error} when the files of the folder do not fit together.
 */
export function datasetFiles(folder: string): string[] {
  const names = [STATE, ...dataFiles(folder, parse(state_schema, join(folder, STATE)))];
  return existsSync(join(folder, INFO)) ? [...names, INFO] : names;
}

/** Number of data files at a path: those of a saved dataset, otherwise 1. */
export function shardCount(path: string): number {
  if (!existsSync(join(path, STATE))) return 1;
  return dataFiles(path, parse(state_schema, join(path, STATE))).length;
}

function dataFiles(folder: string, state: z.output<typeof state_schema>): string[] {
  const state_file = join(folder, STATE);
  if (state._indices_data_files?.length) {
    throw new Error(
      `${state_file}: rows are chosen by an index file; save the dataset again after flatten_indices()`,
    );
  }
  return state._data_files.map(({ filename }) => {
    if (isName(filename)) return filename;
    throw new Error(
      `${state_file}: data file ${JSON.stringify(filename)} is refused: it is outside the folder`,
    );
  });
}

function splitFolder(folder: string, split: string | undefined): string {
  const dictionary_file = join(folder, DICTIONARY);
  if (!existsSync(dictionary_file)) return folder;
  const { splits } = parse(dictionary_schema, dictionary_file);
  if (split === undefined || !splits.includes(split)) {
    const what = split === undefined ? "has several splits" : `has no split "${split}"`;
    throw new Error(`${folder} ${what}; set split to one of ${splits.join(", ")}`);
  }
  if (isName(split)) return join(folder, split);
  throw new Error(
    `${dictionary_file}: split ${JSON.stringify(split)} is refused: it is not the name of a folder`,
  );
}

/** Whether a text is a name and not a path, which could lead out of the folder. */
function isName(text: string): boolean {
  return /^[^/\\\0]+$/.test(text) && text !== ".." && text !== ".";
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
  throw new Error(`${path}: ${issueText(result.error.issues[0])}`);
}

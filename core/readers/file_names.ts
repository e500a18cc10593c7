/**
 * What names of files say: whether they are data, of which split, and which shards are missing.
 *
 * @module
 */
import type { Split } from "./card.ts";

const KEYWORDS: readonly (readonly [Split | "test", string])[] = [
  ["train", "train|training"],
  ["validation", "validation|valid|val|dev"],
  ["test", "test|testing|eval|evaluation"],
];
/** A keyword between separators, as in `c4-train.00000-of-01024.json.gz` and `test_sft`. */
const SPLIT_NAMES = KEYWORDS.map(([split, words]): [Split | "test", RegExp] => [
  split,
  new RegExp(`(?:^|[-._ \\d])(?:${words})(?=$|[-._ \\d])`, "i"),
]);

/** The split that a path is named after: that of its first part with such a name. */
export function splitOfName(path: string): Split | "test" | undefined {
  for (const part of path.split("/")) {
    const found = SPLIT_NAMES.map(([split, pattern]) => ({ split, at: part.search(pattern) }))
      .filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at);
    if (found.length > 0) return found[0].split;
  }
  return undefined;
}

/** The name of a split in full: `train_sft` in `data/train_sft-00000-of-00002.parquet`. */
export function splitLabel(path: string): string {
  const part = path.split("/").find((part) => splitOfName(part) !== undefined) ?? path;
  return stemOf(part).replace(/[-._ ]?\d+(?:-of-\d+)?$/, "");
}

const CARD =
  /^(?:(?:readme|licen[cs]es?|copying|notice|citation|changelog|contributing|code_of_conduct)(?:\.(?:md|txt|rst|html|cff|bib))?|readme[._-].*\.(?:md|txt|rst)|licen[cs]e-[\w.]+)$/i;
/** Descriptions that `datasets` writes beside data. */
const INFO = /^(?:dataset_infos?|dataset_dict|state|config)\.json$/i;
const CACHE = /^cache-[0-9a-f]+.*\.arrow$/;

/** Compressed files that are data but cannot be read, and the program that unpacks them. */
const UNREADABLE: Readonly<Record<string, string>> = {
  ".bz2": "bunzip2",
  ".xz": "unxz",
  ".lzma": "unlzma",
  ".lz4": "unlz4",
  ".br": "brotli -d",
  ".z": "uncompress",
};

const ARCHIVE = /\.(?:tar(?:\.\w+)?|t(?:gz|bz2?|xz|zst)|7z|rar)$/i;

/** What decides whether a file is data. */
export interface NameCheck {
  readonly where: string;
  formatOf(name: string): string | undefined;
  readonly glob?: string;
}

/**
 * Why a file is not data; undefined if it is.
 *
 * @throws {Error} for data in a compression that cannot be read.
 */
export function checkName(name: string, { where, formatOf, glob }: NameCheck): string | undefined {
  const parts = name.split("/");
  const base = parts.at(-1)!;
  if (parts.includes("__MACOSX") || base.startsWith("._") || base === ".DS_Store") {
    return "written by macOS";
  }
  if (parts.some((part) => part.startsWith("."))) return "hidden";
  const is_named = glob !== undefined &&
    /readme|licen|_info|_dict|state\.json|config\.json/i.test(glob);
  if (!is_named && (CARD.test(base) || INFO.test(base))) return "with documentation";
  if (CACHE.test(base)) return "cached by Hugging Face datasets";
  if (formatOf(name) !== undefined) return undefined;
  if (ARCHIVE.test(base)) return "in an archive that cannot be read";
  const ending = /\.[^.]+$/.exec(base)?.[0] ?? "";
  const program = UNREADABLE[ending.toLowerCase()];
  if (program !== undefined && formatOf(name.slice(0, -ending.length)) !== undefined) {
    throw new Error(
      `${where}: ${name} has a compression that is not supported; run ${program} first`,
    );
  }
  return ending === "" ? "without an extension" : `of unknown type ${ending}`;
}

/** Why a file with this ending cannot be read; undefined for an ending that says nothing. */
export function endingFault(path: string): string | undefined {
  const archive = ARCHIVE.exec(path)?.[0];
  if (archive !== undefined) {
    return `${archive} archives are not supported; unpack it, or make a ZIP`;
  }
  const ending = /\.[^./]+$/.exec(path)?.[0].toLowerCase() ?? "";
  const program = UNREADABLE[ending];
  return program && `${ending} compression is not supported; run ${program} first`;
}

const RANKS = ["parquet", "arrow", "jsonl", "csv", "tsv", "json", "zip"];

/** Which of the files of one name is read: the lowest. */
export function formatRank(format: string): number {
  const rank = RANKS.indexOf(format);
  return rank < 0 ? RANKS.length : rank;
}

/** The path without the endings of compression and format. */
export function stemOf(path: string): string {
  return path.replace(/\.(?:gz|gzip|zst|zstd)$/i, "").replace(/\.[A-Za-z][^./]*$/, "");
}

/** A larger number after "-of-" does not count shards. */
const MAX_SHARDS = 1_000_000;
const SHARD = /^(.*?)(\d+)-of-(\d+)(\D.*|)$/;

/**
 * Remarks about shards (`train-00001-of-00003.parquet`) that are missing, or are of two divisions.
 *
 * @param expected whether a missing name would have been selected.
 */
export function shardsMissing(
  names: readonly string[],
  expected: (name: string) => boolean,
): string[] {
  const sets = new Map<string, { totals: Map<string, Set<number>>; width: number }>();
  for (const name of names) {
    const match = SHARD.exec(name);
    if (match === null) continue;
    const [, before, index, total, after] = match;
    const key = JSON.stringify([before, after]);
    const set = sets.get(key) ?? { totals: new Map(), width: index.length };
    sets.set(key, set);
    set.totals.set(total, (set.totals.get(total) ?? new Set()).add(Number(index)));
  }
  return [...sets].flatMap(([key, { totals, width }]) => {
    const [before, after] = JSON.parse(key) as [string, string];
    const notes = [...totals].flatMap(([total, present]) => {
      if (Number(total) > MAX_SHARDS) return [];
      const first = !present.has(0) && present.has(Number(total)) ? 1 : 0;
      const missing = Array.from({ length: Number(total) }, (_, i) => i + first)
        .filter((index) => !present.has(index))
        .map((index) => `${before}${String(index).padStart(width, "0")}-of-${total}${after}`)
        .filter(expected);
      if (missing.length === 0) return [];
      const more = missing.length > 3 ? ` and ${missing.length - 3} more` : "";
      return [`missing ${missing.slice(0, 3).join(", ")}${more}`];
    });
    if (totals.size < 2) return notes;
    const divisions = [...totals.keys()].map(Number).join(" and of ");
    return [
      ...notes,
      `${before}…${after} exists in shards of ${divisions}: one set may be out of date`,
    ];
  });
}

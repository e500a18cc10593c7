/**
 * Which files of a folder, repository or archive are data, and of which split: by their names and by the card
 * (README.md), as Hugging Face `datasets` does it. What is not read is reported with the reason.
 *
 * @module
 */
import { compileGlob } from "../hub/mod.ts";
import type { CardConfig } from "./dataset_card.ts";
import type { Split } from "./card.ts";
import {
  checkName,
  formatRank,
  shardsMissing,
  splitLabel,
  splitOfName,
  stemOf,
} from "./file_names.ts";

export interface SelectOptions {
  /** The folder, repository or archive, for messages. */
  readonly where: string;
  /** The format in which a file is read; undefined for one that is not. */
  formatOf(name: string): string | undefined;
  /** The pattern that selected the files. Absent: all files of a folder, repository or archive. */
  readonly glob?: string;
  /** Reads every file that the pattern matches: no copies and notes are left out. */
  readonly explicit?: boolean;
  /** Only the files of this split. */
  readonly split?: Split;
  /** The configuration (subset) to read, if there are several. */
  readonly config?: string;
  /** The configurations that the card lists. */
  readonly card?: readonly CardConfig[];
}

export interface SelectedFile {
  readonly name: string;
  /** Set if the names assign files to splits. */
  readonly split?: Split;
}

export interface Selection {
  readonly files: readonly SelectedFile[];
  /** Names of files that are not read, with the reason. */
  readonly passed_over: ReadonlyMap<string, string>;
  /** Remarks: missing shards, the configuration that was chosen. */
  readonly notes: readonly string[];
}

type Kind = Split | "test" | undefined;
/** A file that is data, and what it is named after. */
type Named = { readonly name: string; readonly kind: Kind; readonly label?: string };

/**
 * Selects files by their names.
 *
 * Files named after a split (`train.jsonl`, `data/test-00000-of-00002.parquet`, `validation/a.jsonl`) belong to it;
 * `test` is held out if there is no `validation`. If some files are named `train`, those without a split are left out,
 * otherwise they are training files. If all files are training files, none has a split: the tokenize stage makes it.
 *
 * @param names paths with `/` below the folder, sorted.
 * @throws {Error} for several configurations when none is chosen, a split that has no file, and data in a compression
 *   that cannot be read.
 */
export function selectFiles(names: readonly string[], options: SelectOptions): Selection {
  const passed_over = new Map<string, string>();
  const notes: string[] = [];
  const pass = (why: string) => ({ name }: Named) => void passed_over.set(name, why);
  const data = names.filter((name) => {
    const why = checkName(name, options);
    if (why !== undefined) passed_over.set(name, why);
    return why === undefined;
  });
  const chosen = options.glob === undefined
    ? oneConfig(data, options, pass, notes)
    : withKinds(data, options);
  const read = options.explicit ? chosen : withoutCopies(chosen, options, pass, notes);
  const files = bySplit(read, options, pass);
  notes.push(...joinedSplits(read, files));
  notes.push(...shardsMissing(files.map(({ name }) => name), globTest(options.glob)));
  return { files, passed_over, notes };
}

type Pass = (why: string) => (file: Named) => void;

function globTest(glob: string | undefined): (name: string) => boolean {
  return glob === undefined ? () => true : compileGlob(glob);
}

/** Texts and source files are often about tests or training: their names count only if most are named after a split. */
function withKinds(names: readonly string[], { formatOf }: SelectOptions): Named[] {
  const named = names.map((name) => ({ name, kind: splitOfName(name) }));
  const texts = named.filter(({ name }) => formatOf(name) === "text");
  const in_splits = texts.filter(({ kind }) => kind !== undefined);
  const are_splits = in_splits.some(({ kind }) => kind === "train") &&
    2 * in_splits.length >= texts.length;
  if (texts.length === 0 || are_splits) return named;
  return named.map(({ name, kind }) => ({
    name,
    kind: formatOf(name) === "text" ? undefined : kind,
  }));
}

/** The files of one configuration: that of the card, or that of one folder with files named after splits. */
function oneConfig(
  names: readonly string[],
  options: SelectOptions,
  pass: Pass,
  notes: string[],
): Named[] {
  const { card = [], config, where } = options;
  if (card.length > 0) return configOfCard(names, options, card, pass, notes);
  const named = withKinds(names, options);
  const in_splits = named.filter(({ kind }) => kind !== undefined);
  const folders = [...new Set(in_splits.map(({ name }) => configFolder(name)))];
  const chosen = config ?? chooseFolder(in_splits, where);
  if (chosen === undefined) return named;
  const isChosen = ({ name, kind }: Named) =>
    config !== undefined
      ? inside(name, config) || inside(name, `data/${config}`)
      : kind !== undefined
      ? configFolder(name) === chosen
      : inside(name, chosen) && !folders.some((other) => other !== chosen && inside(name, other));
  const files = named.filter(isChosen);
  if (files.length === 0) {
    throw new Error(`${where} has no configuration "${config}"${listing(folders)}`);
  }
  named.filter((file) => !isChosen(file)).forEach(pass("of another configuration"));
  return files;
}

/**
 * The folder of the configuration to read, if there are several: if files of one split are in several folders. That is
 * the outermost folder, or the only one with training files.
 *
 * @throws {Error} when neither decides.
 */
function chooseFolder(files: readonly Named[], where: string): string | undefined {
  const foldersOf = (kind: Kind) => [
    ...new Set(files.filter((file) => file.kind === kind).map(({ name }) => configFolder(name))),
  ];
  const train = foldersOf("train");
  const several = [train, foldersOf("validation"), foldersOf("test")]
    .find((folders) => folders.length > 1);
  if (several === undefined) return undefined;
  if (several.includes("") && (train.length === 0 || train.includes(""))) return "";
  if (train.length === 1) return train[0];
  throw new Error(
    `${where} has several configurations: ${shorten(several)}; set config to one of them`,
  );
}

/** The folder above the first part of a path that names a split, without `data`, which is often around all. */
function configFolder(name: string): string {
  const parts = name.split("/");
  const at = parts.findIndex((part) => splitOfName(part) !== undefined);
  const above = parts.slice(0, Math.max(0, at));
  return (above[0] === "data" ? above.slice(1) : above).join("/");
}

function inside(name: string, folder: string): boolean {
  return folder === "" || name.startsWith(`${folder.replace(/\/+$/, "")}/`);
}

function configOfCard(
  names: readonly string[],
  options: SelectOptions,
  card: readonly CardConfig[],
  pass: Pass,
  notes: string[],
): Named[] {
  const { where, config } = options;
  const all = card.map(({ config_name }) => config_name);
  const chosen = config !== undefined
    ? card.find(({ config_name }) => config_name === config)
    : card.length === 1
    ? card[0]
    : card.find(({ is_default }) => is_default) ??
      card.find(({ config_name }) => config_name === "default");
  if (chosen === undefined) {
    throw new Error(
      config === undefined
        ? `${where} has several configurations: ${shorten(all)}; set config to one of them`
        : `${where} has no configuration "${config}"${listing(all)}`,
    );
  }
  if (card.length > 1) notes.push(`configuration "${chosen.config_name}" of ${shorten(all)}`);
  const files = filesOfConfig(names, options, chosen, notes);
  if (files.length === 0) {
    throw new Error(
      `${where}: no file matches configuration "${chosen.config_name}" of its README.md`,
    );
  }
  const read = new Set(files.map(({ name }) => name));
  names.filter((name) => !read.has(name)).map((name) => ({ name, kind: undefined }))
    .forEach(pass("not in the configuration"));
  return files;
}

function filesOfConfig(
  names: readonly string[],
  options: SelectOptions,
  { data_dir, data_files }: CardConfig,
  notes: string[],
): Named[] {
  const folder = data_dir === undefined ? "" : `${data_dir.replace(/^\.?\/|\/+$/g, "")}/`;
  if (data_files.length === 0) {
    return withKinds(names.filter((name) => name.startsWith(folder)), options);
  }
  const kinds = new Map<string, Omit<Named, "name">>();
  for (const { split, patterns } of data_files) {
    // A split of another name is neither: "default" or a language.
    const kind = split === undefined ? undefined : splitOfName(split);
    for (const pattern of patterns) {
      const matches = compileGlob(`${folder}${pattern.replace(/^\.\//, "")}`);
      const found = names.filter(matches);
      if (found.length === 0) notes.push(`nothing matches ${pattern} of README.md`);
      found.forEach((name) => kinds.set(name, { kind, label: split }));
    }
  }
  return names.filter((name) => kinds.has(name)).map((name) => ({ name, ...kinds.get(name)! }));
}

/** Without the same data in another format, and without notes beside records or the other way round. */
function withoutCopies(
  files: readonly Named[],
  { formatOf }: SelectOptions,
  pass: Pass,
  notes: string[],
): Named[] {
  const isText = ({ name }: Named) => formatOf(name) === "text";
  const texts = files.filter(isText), records = files.filter((file) => !isText(file));
  if (records.length === 0) return texts;
  if (texts.length > records.length) {
    records.forEach(pass("outnumbered by text files"));
    return texts;
  }
  texts.forEach(pass("with text beside the records"));
  const rank = ({ name }: Named) => formatRank(formatOf(name)!);
  const best = new Map<string, Named>();
  const kept = new Set(
    records.toSorted((a, b) => rank(a) - rank(b)).filter((file) => {
      const first = best.get(stemOf(file.name)) ?? file;
      best.set(stemOf(file.name), first);
      if (rank(first) !== rank(file)) pass("also there in another format")(file);
      else if (first !== file) notes.push(`${first.name} and ${file.name} may be the same data`);
      return rank(first) === rank(file);
    }),
  );
  return records.filter((file) => kept.has(file));
}

function bySplit(files: readonly Named[], options: SelectOptions, pass: Pass): SelectedFile[] {
  const { split: wanted, glob, where } = options;
  const of = (kind: Kind) => files.filter((file) => file.kind === kind);
  const [train, validation, test, unnamed] = [
    of("train"),
    of("validation"),
    of("test"),
    of(undefined),
  ];
  const held_out = validation.length > 0 ? validation : test;
  const parts = {
    train: train.length > 0 ? train : unnamed,
    validation: held_out.length > 0 || train.length > 0 ? held_out : unnamed,
  };
  const in_splits = held_out.length > 0;
  const all_of_pattern = glob !== undefined && (wanted !== undefined || parts.train.length === 0);
  if (!in_splits && wanted === undefined && train.length === 0 || all_of_pattern) {
    return files.map(({ name }) => ({ name, ...(wanted && { split: wanted }) }));
  }
  if (wanted !== undefined && parts[wanted].length === 0) {
    const others = shorten(files.map(({ name }) => name)) || "no data";
    throw new Error(`${where} has no file of the ${wanted} split; it has ${others}`);
  }
  const splits = new Map<Named, Split | undefined>();
  for (const split of wanted === undefined ? ["train", "validation"] as const : [wanted]) {
    parts[split].forEach((file) => splits.set(file, in_splits || wanted ? split : undefined));
  }
  files.filter((file) => !splits.has(file)).forEach((file) => {
    pass(file.kind === undefined ? "outside the splits" : `of the ${file.kind} split`)(file);
  });
  return [...splits].map(([{ name }, split]) => ({ name, ...(split && { split }) }));
}

/** Remarks about splits of several names that are read as one, such as `train_sft` and `train_gen`. */
function joinedSplits(all: readonly Named[], read: readonly SelectedFile[]): string[] {
  const names = new Set(read.map(({ name }) => name));
  return (["train", "validation", "test"] as const).flatMap((kind) => {
    const files = all.filter((file) => file.kind === kind && names.has(file.name));
    const labels = new Set(files.map(({ name, label }) => label ?? splitLabel(name)));
    return labels.size > 1 ? [`${kind} combines ${shorten([...labels].sort())}`] : [];
  });
}

/** The first of some names, and how many there are beyond. */
export function shorten(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).map((name) => name === "" ? "." : name).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

function listing(names: readonly string[]): string {
  return names.length > 0 ? `; it has ${shorten(names)}` : "";
}

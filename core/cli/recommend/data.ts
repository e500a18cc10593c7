/**
 * Which data a recommendation compares (the target, general data and candidates, as entries of the tokenize stage's
 * config), and their tokens, made by that stage in a store of its own. This module knows only names of datasets.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { documentOverlap, type Overlap } from "../../analysis/mod.ts";
import { type DocumentSet, loadDocumentSets } from "../../batches/mod.ts";
import { defineRecipe, loadStage, readStageNames, type Recipe } from "../../recipe/mod.ts";
import { readLocks } from "../../runs/mod.ts";
import { run } from "../../runner/mod.ts";
import { type AnyStage, ports } from "../../stage/mod.ts";
import { type Manifest, openTable, Store } from "../../store/mod.ts";
import { type Console, UsageError } from "../shared/console.ts";
import { Progress } from "../run/progress.ts";

/** A dataset as the config of the tokenize stage has it. */
export interface Entry {
  readonly dataset: string;
  readonly stand_ins?: readonly string[];
  readonly records?: Readonly<Record<string, unknown>>;
  readonly max_bytes?: number;
  readonly max_files?: number;
}

export interface Sources {
  readonly target: readonly Entry[];
  readonly general: readonly Entry[];
  /** By name. */
  readonly candidates: Readonly<Record<string, readonly Entry[]>>;
  /** Whether candidates were asked for; others are left out where they cannot be read. */
  readonly asked_for: boolean;
}

/** The paper's midtraining sets, with their replacements in a data root that lacks them. */
export const DEFAULT_CANDIDATES: Sources["candidates"] = {
  starcoder: [{ dataset: "starcoder", stand_ins: ["code"] }],
  math: [{ dataset: "mammoth", stand_ins: ["math", "math_qa", "aqua_rat"] }],
  flan: [{ dataset: "flan" }],
  knowledge_qa: [{ dataset: "knowledge_qa", stand_ins: ["trivia_qa", "factbook"] }],
  dclm: [{ dataset: "dclm", stand_ins: ["wikipedia_long"] }],
};

const DEFAULT_GENERAL: readonly Entry[] = [{
  dataset: "c4",
  stand_ins: ["wikipedia", "newsgroups"],
}];

/** Names of the target and of general data. */
export const TARGET = "target", GENERAL = "general";

const SNAKE_CASE = /^[a-z][a-z0-9_]*$/;

interface SourceFlags {
  readonly target: string;
  readonly text?: string;
  readonly prompt?: string;
  readonly general?: string;
  readonly candidate: readonly Candidate[];
  readonly recipe?: Recipe;
}

/**
 * Reads the flags that name data. A recipe gives what its tokenize step names; flags override it.
 *
 * @throws {UsageError} when a name is wrong, or there is no candidate.
 */
export function sourcesOf(
  { target, text, prompt, general, candidate, recipe }: SourceFlags,
): Sources {
  const named = recipe === undefined ? undefined : sourcesOfRecipe(recipe);
  if (named && general !== undefined && !Object.hasOwn(named, general)) {
    const names = Object.keys(named).join(", ");
    throw new UsageError(`--general ${general}: recipe "${recipe!.name}" has the sources ${names}`);
  }
  const base = general ?? GENERAL;
  const own = Object.fromEntries(candidate.map((one) => [one.name, entriesOf(one, named)]));
  const { [base]: of_recipe, [target]: target_source, ...others } = named ?? {};
  if (named && of_recipe === undefined) {
    throw new UsageError(
      `recipe "${recipe!.name}" has no source "${base}"; name its general data with --general: ` +
        Object.keys(named).join(", "),
    );
  }
  const reading = { ...(text ? { text } : {}), ...(prompt ? { prompt } : {}) };
  const asked_for = candidate.length > 0 || named !== undefined;
  const candidates = candidate.length > 0 ? own : named ? others : DEFAULT_CANDIDATES;
  if (Object.keys(candidates).length === 0) {
    throw new UsageError("there is no candidate to compare; name some with --candidate");
  }
  return {
    target: target_source ?? [entryOf(target, "target_set", reading)],
    general: of_recipe ??
      (general === undefined
        ? DEFAULT_GENERAL
        : general.split(",").map((part, i) => entryOf(part, `general_set_${i + 1}`))),
    candidates,
    asked_for,
  };
}

/** Sources of the first tokenize step. */
function sourcesOfRecipe(recipe: Recipe): Record<string, readonly Entry[]> {
  const step = recipe.steps.find(({ stage }) => stage.name === "tokenize");
  if (step === undefined) {
    throw new UsageError(`recipe "${recipe.name}" has no tokenize step to take sources from`);
  }
  const { sources } = step.config as unknown as { sources: Record<string, readonly Pinned[]> };
  // Limits on what is read make another revision.
  const unpinned = ({ revision: _, ...entry }: Pinned): Entry => entry;
  return Object.fromEntries(
    Object.entries(sources).map(([name, entries]) => [name, entries.map(unpinned)]),
  );
}

type Pinned = Entry & { readonly revision?: string };

/** A candidate as it was named: NAME, or NAME=DATA. */
export interface Candidate {
  readonly name: string;
  /** Datasets or paths separated by commas. */
  readonly data?: string;
}

/** Reads the value of `--candidate`; undefined when it is not valid. */
export function parseCandidate(text: string): Candidate | undefined {
  const [, name, data] = /^([^=]+)(?:=(.+))?$/s.exec(text) ?? [];
  const is_valid = name !== undefined && SNAKE_CASE.test(name) && ![TARGET, GENERAL].includes(name);
  return is_valid ? { name, data } : undefined;
}

/** Without data, the name is a source of the recipe, a default candidate or a dataset. */
function entriesOf({ name, data }: Candidate, named: Sources["candidates"] = {}): readonly Entry[] {
  const known = [named, DEFAULT_CANDIDATES].find((entries) => Object.hasOwn(entries, name));
  return data === undefined
    ? known?.[name] ?? [{ dataset: name }]
    : data.split(",").map((part, i) => entryOf(part, `${name}_${i + 1}`));
}

/** A dataset by name, or your own records by path. */
function entryOf(data: string, name: string, reading: Record<string, string> = {}): Entry {
  if (SNAKE_CASE.test(data)) {
    if (Object.keys(reading).length === 0) return { dataset: data };
    throw new UsageError(
      `"${data}" is a dataset, which is read as its card says; --text and --prompt are for files`,
    );
  }
  return { dataset: name, records: { path: data, ...reading } };
}

export interface DataOptions {
  readonly out: string;
  /** Folder with a tokenizer; undefined: one is trained on the data. */
  readonly tokenizer?: string;
  readonly vocab_size: number;
  /** Most UTF-8 bytes to read of each dataset. */
  readonly max_bytes: number;
  /** Most files to read of each dataset; undefined: all, or one from the hub. */
  readonly max_files?: number;
  /** Whether named datasets come from the hub, where they may be terabytes. */
  readonly on_hub: boolean;
}

/** Documents and counts by source, the target and general data among them; and candidates that were left out. */
export type Data = Awaited<ReturnType<typeof prepareData>>;
/** What a candidate has of the target's documents. */
export interface TargetOverlap extends Overlap {
  /** Whether it names the target's own dataset or file. */
  readonly same_data: boolean;
}

export type Holding = Data["holdings"] extends Map<string, infer H> ? H : never;

const RECIPE = "recommend";
const STAGES = new URL("../../../recipes/stages.json", import.meta.url);
/** Longer documents are truncated. */
const MAX_DOCUMENT_BYTES = 1_000_000;

/**
 * Reads and tokenizes; what was tokenized before comes from the store.
 *
 * @throws {Error} naming the dataset or file that cannot be read.
 */
export async function prepareData(sources: Sources, options: DataOptions, io: Console) {
  const { stages: specifiers } = await readStageNames(STAGES.href);
  const tokenize = await loadStage(specifiers.tokenize, STAGES.href);
  const { available, left_out } = await findAvailable(tokenize, sources, options);
  const entries: Readonly<Record<string, readonly Entry[]>> = {
    [TARGET]: await bound(tokenize, sources.target, options),
    [GENERAL]: await bound(tokenize, sources.general, options),
    ...available,
  };
  const config = {
    sources: entries,
    vocab_size: options.vocab_size,
    validation_share: 0,
    max_document_bytes: MAX_DOCUMENT_BYTES,
  };
  const header = { name: RECIPE, description: "What a recommendation compares.", seed: 0 };
  const import_tokenizer = await loadStage(specifiers.import_tokenizer, STAGES.href);
  const { tokenizer: folder } = options;
  const recipe = defineRecipe(header, (recipe) => {
    const given = folder !== undefined &&
      recipe.step("tokenizer", import_tokenizer, { config: { folder } } as never);
    recipe.step("data", tokenize, { config, inputs: given || {} } as never);
  });
  const progress = new Progress(io.terminal);
  try {
    await run(recipe, { out: options.out, onEvent: progress.onEvent });
  } finally {
    progress.close();
  }
  const store = new Store(join(options.out, "store"));
  const manifest = store.readManifest(readLocks(options.out)[RECIPE].steps.data)!;
  const cut = Object.entries(config.sources)
    .filter(([, entries]) => entries.some(({ max_files }) => max_files !== undefined))
    .map(([name]) => name);
  const candidates = Object.keys(available);
  const opened = await openData(store, manifest, options.max_bytes, cut);
  const overlaps: Record<string, TargetOverlap> = Object.fromEntries(
    [GENERAL, ...candidates].flatMap((name) => {
      const overlap = documentOverlap(opened.sets.get(TARGET)!, opened.sets.get(name)!);
      const same_data = sharesData(sources.target, entries[name]);
      return overlap.documents > 0 || same_data ? [[name, { ...overlap, same_data }]] : [];
    }),
  );
  /** `left_out` says why candidates could not be read; `overlaps` has those with documents of the target. */
  return { candidates, left_out, overlaps, ...opened };
}

/** Whether two sources name the same dataset, file or folder. */
function sharesData(a: readonly Entry[], b: readonly Entry[]): boolean {
  const names = ({ dataset, records }: Entry): string[] =>
    records === undefined
      ? [dataset]
      : [records.path].flat().map((path) =>
        isLocal({ dataset, records }) ? real(`${path}`) : `${path}`
      );
  const known = new Set(a.flatMap(names));
  return b.flatMap(names).some((name) => known.has(name));
}

/** The path without links; as it is where nothing is there, such as a glob. */
function real(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return resolve(path);
  }
}

/** Adds limits on what is read of each dataset; those that an entry has stay. */
async function bound(
  tokenize: AnyStage,
  entries: readonly Entry[],
  { max_bytes, on_hub, ...options }: DataOptions,
): Promise<Entry[]> {
  return await Promise.all(entries.map(async (entry) => {
    const by_size = { max_bytes, ...entry };
    const max_files = options.max_files ?? (on_hub && !isLocal(entry) ? 1 : undefined);
    if (max_files === undefined) return by_size;
    const by_files = { max_files, ...by_size };
    // An npm package has no files to choose from, and is read whole.
    return await problemOf(tokenize, [by_files]) === undefined ? by_files : by_size;
  }));
}

function isLocal({ records }: Entry): boolean {
  return records !== undefined && !String(records.path).startsWith("hf://");
}

/** Why the tokenize stage does not accept a source. */
async function problemOf(tokenize: AnyStage, entries: readonly Entry[]) {
  const config = { sources: { any: entries } };
  const { issues } = await tokenize.config["~standard"].validate(config);
  return issues?.[0].message;
}

/** Candidates that can be read. @throws {Error} when none can, or one that was asked for cannot. */
async function findAvailable(
  tokenize: AnyStage,
  { candidates, asked_for }: Sources,
  options: DataOptions,
) {
  const available: Record<string, readonly Entry[]> = {}, left_out: Record<string, string> = {};
  for (const [name, entries] of Object.entries(candidates)) {
    const bounded = await bound(tokenize, entries, options);
    const problem = await problemOf(tokenize, bounded);
    if (problem === undefined) available[name] = bounded;
    else left_out[name] = problem;
  }
  const [first] = Object.values(left_out);
  if (first !== undefined && (asked_for || Object.keys(available).length === 0)) {
    throw new Error(first);
  }
  return { available, left_out };
}

/**
 * Documents of every source: its training split, or what is held out where there is no other, as for probes.
 *
 * @param cut sources of which not all files were read.
 */
async function openData(
  store: Store,
  { outputs }: Manifest,
  max_bytes: number,
  cut: readonly string[],
) {
  const { columns } = ports.tokens;
  const open = async (split: "train" | "validation") => {
    const { [split]: artifact } = outputs;
    if (artifact.rows === 0) return new Map<string, DocumentSet>();
    return await loadDocumentSets({ [split]: await openTable(store, artifact, columns, split) });
  };
  const [train, validation] = [await open("train"), await open("validation")];
  const sets = new Map([...validation, ...train]);
  const full = await limitedSources(store, outputs.summary, max_bytes);
  const holdings = new Map([...sets].map(([name, { documents, token_count }]) => {
    // Limits may have cut a source off.
    const complete = !cut.includes(name) && !full.has(name);
    return [name, { documents, tokens: token_count, complete }];
  }));
  return { sets, holdings };
}

/** Sources with a dataset that may have more than was read. */
async function limitedSources(
  store: Store,
  summary: Manifest["outputs"][string],
  max_bytes: number,
): Promise<Set<string>> {
  const table = await openTable(store, summary, ports.dataset_summary.columns, "summary");
  const bytes = new Map<string, [source: string, bytes: number]>();
  for await (const { source, dataset, text_bytes } of table.batches()) {
    source.forEach((name, i) => {
      const key = `${name}/${dataset[i]}`;
      bytes.set(key, [name, (bytes.get(key)?.[1] ?? 0) + text_bytes[i]]);
    });
  }
  // Documents are taken until the next would exceed the limit.
  const limited = [...bytes.values()].filter(([, read]) => read > max_bytes - MAX_DOCUMENT_BYTES);
  return new Set(limited.map(([name]) => name));
}

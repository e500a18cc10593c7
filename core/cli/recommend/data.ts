/**
 * Tokenizes what a recommendation compares, with the tokenize stage and a store of its own.
 *
 * @module
 */
import { join } from "node:path";
import { type DocumentSet, loadDocumentSets } from "../../batches/mod.ts";
import { defineRecipe, loadStage, readStageNames } from "../../recipe/mod.ts";
import { readLocks } from "../../runs/mod.ts";
import { run } from "../../runner/mod.ts";
import { type AnyStage, ports } from "../../stage/mod.ts";
import { type Manifest, openTable, Store } from "../../store/mod.ts";
import type { Console } from "../shared/console.ts";
import { Progress } from "../run/progress.ts";
import { type Entry, GENERAL, type Sources, TARGET } from "./sources.ts";

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

/** What one source holds. */
export interface Holding {
  readonly documents: number;
  readonly tokens: number;
  /** False where limits cut it off. */
  readonly complete: boolean;
}

export interface Data {
  /** Documents by source, the target and general data among them. */
  readonly sets: ReadonlyMap<string, DocumentSet>;
  readonly candidates: readonly string[];
  readonly holdings: ReadonlyMap<string, Holding>;
  /** Candidates that could not be read, and why. */
  readonly left_out: Readonly<Record<string, string>>;
}

const RECIPE = "recommend";
const STAGES = new URL("../../../recipes/stages.json", import.meta.url);
/** Longer documents are truncated. */
const MAX_DOCUMENT_BYTES = 1_000_000;

/**
 * Reads and tokenizes; what was tokenized before comes from the store.
 *
 * @throws {Error} naming the dataset or file that cannot be read.
 */
export async function prepareData(
  sources: Sources,
  options: DataOptions,
  io: Console,
): Promise<Data> {
  const { stages: specifiers } = await readStageNames(STAGES.href);
  const tokenize = await loadStage(specifiers.tokenize, STAGES.href);
  const { available, left_out } = await findAvailable(tokenize, sources, options);
  const [target, general] = [
    await bound(tokenize, sources.target, options),
    await bound(tokenize, sources.general, options),
  ];
  const config = {
    sources: { [TARGET]: target, [GENERAL]: general, ...available },
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
  const data = { candidates: Object.keys(available), left_out };
  return { ...data, ...await openData(store, manifest, options.max_bytes, cut) };
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
async function problemOf(
  tokenize: AnyStage,
  entries: readonly Entry[],
): Promise<string | undefined> {
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

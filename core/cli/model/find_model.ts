/**
 * Models named on the command line: a run, a step of it, or a folder. Export, generate and chat find and load them here.
 *
 * @module
 */
import { join, resolve } from "node:path";
import {
  checkVocabulary,
  loadModelFiles,
  openModel,
  type ParameterArrays,
} from "../../model/mod.ts";
import { snapshotFolder } from "../../hub/mod.ts";
import { LogReader, type RunState } from "../../runs/mod.ts";
import type { FilesInput } from "../../stage/mod.ts";
import { type Manifest, openFiles, Store } from "../../store/mod.ts";
import { noTokenizer, openTokenizer, type Tokenizer } from "../../tokenizer/mod.ts";
import { UsageError } from "../shared/console.ts";
import { findRun, listed, RUN_HELP } from "../shared/inputs.ts";
import type { Argument } from "../shared/command.ts";

export const MODEL_ARGUMENT: Argument = {
  name: "RUN",
  help: `${RUN_HELP}; RUN/STEP is the model of one step, without STEP it is the last step with a ` +
    "model. A folder with config.json and model.safetensors is a model too.",
};

/** A model's files, and where they come from. */
export interface NamedModel {
  /** "quickstart/midtrained_sft", or the folder. */
  readonly label: string;
  readonly files: FilesInput;
  /** Undefined for a folder. */
  readonly origin?: ModelOrigin;
}

/** The step that made a model, among the results of its run. */
export interface ModelOrigin {
  readonly store: Store;
  readonly run: RunState;
  readonly step: string;
  /** The artifact's digest. */
  readonly digest: string;
  /** Results of the run's steps, by step. */
  readonly manifests: ReadonlyMap<string, Manifest>;
}

/**
 * Finds a model.
 *
 * @param out folder of the results.
 * @throws {UsageError} naming the runs or steps that exist.
 */
export async function findModel(name: string, out: string): Promise<NamedModel> {
  if (isModelFolder(name)) return { label: name, files: folderFiles(snapshotFolder(name)) };
  // The part before the first "/" is the run; ids of steps may contain more of them.
  const [, run_name, step_id] = /^([^/]*)(?:\/(.*))?$/s.exec(name)!;
  const { state: run } = await findRun(run_name, out);
  const store = new Store(join(out, "store"));
  const manifests = await manifestsOf(out, run, store);
  const models = [...manifests].flatMap(([step, manifest]) => {
    // What stages that train call their model.
    const { checkpoint: artifact } = manifest.outputs;
    return artifact?.kind === "files" ? [{ step, digest: artifact.digest, artifact }] : [];
  });
  const found = step_id === undefined ? models.at(-1) : models.find(({ step }) => step === step_id);
  if (!found) {
    const known = listed(models.map(({ step }) => step));
    const which = step_id === undefined ? "" : ` from a step "${step_id}"`;
    throw new UsageError(`run ${run.id} has no model${which}; steps with models: ${known}`);
  }
  const { step, digest, artifact } = found;
  const label = `${run.recipe}/${step}`;
  const files = await openFiles(store, artifact, label);
  return { label, files, origin: { store, run, step, digest, manifests } };
}

/** Results of a run's steps, in the order of its plan; those that were removed since are left out. */
async function manifestsOf(out: string, run: RunState, store: Store) {
  const keys = new Map<string, string>();
  for await (const event of LogReader.events(join(out, "runs", run.id, "events.jsonl"))) {
    if (event.type === "step_started" || event.type === "step_skipped") {
      keys.set(event.step, event.key);
    }
  }
  return new Map(run.steps.flatMap(({ id }) => {
    const key = keys.get(id);
    const manifest = key === undefined ? undefined : store.readManifest(key);
    return manifest ? [[id, manifest] as const] : [];
  }));
}

function isModelFolder(path: string): boolean {
  try {
    return Deno.statSync(join(snapshotFolder(path), "config.json")).isFile;
  } catch {
    return false;
  }
}

/** The files directly in a folder. */
function folderFiles(folder: string): FilesInput {
  const names = [...Deno.readDirSync(folder)].filter((entry) => !entry.isDirectory)
    .map(({ name }) => name).sort();
  const path = (name: string) => {
    if (names.includes(name)) return resolve(folder, name);
    throw new Error(`${folder} has no file ${name}; it has ${names.join(", ")}`);
  };
  return {
    digest: "",
    names,
    path,
    bytes: async (name) => await Deno.readFile(path(name)),
    text: async (name) => await Deno.readTextFile(path(name)),
  };
}

/** A model in memory, on the CPU. */
export interface LoadedModel extends NamedModel {
  readonly parameters: ParameterArrays;
  readonly tokenizer: Tokenizer;
}

/**
 * @param log called with what a person should know about the files.
 * @throws {Error} naming the file that is missing or not valid.
 */
export async function loadModel(
  model: NamedModel,
  log: (line: string) => void,
): Promise<LoadedModel> {
  const { files } = model;
  if (!files.names.includes("tokenizer.json")) {
    throw new Error(noTokenizer(files.names, model.label));
  }
  const tokenizer = await openTokenizer(files);
  const opened = await openModel(files, model.label);
  opened.notes.forEach((note) => log(`${model.label}: ${note}`));
  checkVocabulary(tokenizer.vocab_size, opened.config, model.label);
  const parameters = await loadModelFiles(opened);
  return { ...model, tokenizer, parameters };
}

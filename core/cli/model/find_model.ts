/**
 * Models named on the command line: a run, a step of it, or a folder. Export, generate and chat find and load them here.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { loadModelFiles, openModel, type ParameterArrays } from "../../model/mod.ts";
import { LogReader, type RunState } from "../../runs/mod.ts";
import { type FilesInput } from "../../stage/mod.ts";
import { type Manifest, openFiles, Store } from "../../store/mod.ts";
import { openTokenizer, type Tokenizer } from "../../tokenizer/mod.ts";
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
  if (isModelFolder(name)) return { label: name, files: folderFiles(name) };
  const [run_name, step_id] = splitAt(name);
  const { state: run } = await findRun(run_name, out);
  const store = new Store(join(out, "store"));
  const manifests = await manifestsOf(out, run, store);
  const models = [...manifests].flatMap(([step, manifest]) => {
    const model = modelOutput(manifest);
    return model ? [{ step, digest: model.digest, artifact: model }] : [];
  });
  const found = step_id === undefined ? models.at(-1) : models.find(({ step }) => step === step_id);
  if (!found) {
    const known = listed(models.map(({ step }) => step));
    throw new UsageError(
      step_id === undefined
        ? `run ${run.id} has no model yet`
        : `run ${run.id} has no model from a step "${step_id}"; steps with models: ${known}`,
    );
  }
  const { step, digest, artifact } = found;
  const label = `${run.recipe}/${step}`;
  const files = await openFiles(store, artifact, label);
  return { label, files, origin: { store, run, step, digest, manifests } };
}

/** The part before the first "/" is the run; ids of steps may hold more of them. */
function splitAt(name: string): [run: string, step?: string] {
  const at = name.indexOf("/");
  return at < 0 ? [name] : [name.slice(0, at), name.slice(at + 1)];
}

/** Results of a run's steps as they were then, in the order of its plan; those that are gone are left out. */
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

/** The output that is a model: what stages that train call `checkpoint`. */
function modelOutput({ outputs }: Manifest) {
  const { checkpoint } = outputs;
  return checkpoint?.kind === "files" ? checkpoint : undefined;
}

function isModelFolder(path: string): boolean {
  try {
    return Deno.statSync(join(path, "config.json")).isFile;
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

/** @throws {Error} naming the file that is missing or not valid. */
export async function loadModel(model: NamedModel): Promise<LoadedModel> {
  const { files } = model;
  const tokenizer = await openTokenizer(files);
  const parameters = await loadModelFiles(await openModel(files, model.label));
  return { ...model, tokenizer, parameters };
}

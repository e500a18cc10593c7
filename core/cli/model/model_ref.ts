/**
 * Naming a trained model on the command line: a run, a step of it, or a folder.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { LogReader, RunFolder, type RunState } from "../../runs/mod.ts";
import { type FilesInput } from "../../stage/mod.ts";
import { type Manifest, openFiles, Store } from "../../store/mod.ts";
import { UsageError } from "../shared/console.ts";

/** What `--help` says of the argument. */
export const MODEL_HELP =
  `RUN is a run id, "latest", or the name of a recipe, which means its newest run; RUN/STEP is the model
of one step, and without it the last step with a model is taken. A folder with config.json and
model.safetensors is a model as well.`;

const MAX_LISTED = 20;

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
 * @throws {UsageError} saying what there is instead.
 */
export async function findModel(name: string, out: string): Promise<NamedModel> {
  if (isModelFolder(name)) return { label: name, files: folderFiles(name) };
  const [run_name, step_id] = splitAt(name);
  const run = await findRun(run_name, out);
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
        ? `run ${run.id} has made no model yet`
        : `run ${run.id} has no model of a step "${step_id}"; steps with models: ${known}`,
    );
  }
  const { step, digest, artifact } = found;
  const label = `${run.recipe}/${step}`;
  const files = await openFiles(store, artifact, label);
  return { label, files, origin: { store, run, step, digest, manifests } };
}

/** Names for a message, not all of them where there are many. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).join(", ") || "none";
  return names.length > MAX_LISTED ? `${shown} and ${names.length - MAX_LISTED} more` : shown;
}

/** The part before the first "/" is the run; ids of steps may hold more of them. */
function splitAt(name: string): [run: string, step?: string] {
  const at = name.indexOf("/");
  return at < 0 ? [name] : [name.slice(0, at), name.slice(at + 1)];
}

async function findRun(name: string, out: string): Promise<RunState> {
  const runs = new RunFolder(out);
  const ids = runs.ids();
  if (ids.length === 0) {
    throw new UsageError(`there are no runs in ${out}; name the folder of the results by --out`);
  }
  // "20260131T154500Z-quickstart" is a run of the recipe "quickstart".
  const id = name === "latest"
    ? ids[0]
    : ids.find((id) => id === name) ?? ids.find((id) => id.replace(/^[^-]*-/, "") === name);
  const state = id === undefined ? undefined : await runs.get(id);
  if (state) return state;
  const recipes = [...new Set(ids.map((id) => id.replace(/^[^-]*-/, "")))];
  throw new UsageError(
    `there is no run or recipe "${name}" in ${out}, and no such model folder; recipes that ran there: ` +
      listed(recipes),
  );
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

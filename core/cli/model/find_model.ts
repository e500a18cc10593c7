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
import type { FilesInput } from "../../stage/mod.ts";
import { openFiles } from "../../store/mod.ts";
import { noTokenizer, openTokenizer, type Tokenizer } from "../../tokenizer/mod.ts";
import { UsageError } from "../shared/console.ts";
import { findRun, listed, RUN_HELP } from "../shared/inputs.ts";
import type { Argument } from "../shared/command.ts";
import { resultsOf, type RunResults } from "../shared/results.ts";

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
  /** That it is not of the newest run. */
  readonly note?: string;
}

/** The step that made a model, among the results of its run. */
export interface ModelOrigin extends RunResults {
  readonly step: string;
  /** The artifact's digest. */
  readonly digest: string;
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
  const { state: newest, runs, earlier } = await findRun(run_name, out);
  let known: string | undefined;
  for (const id of [newest.id, ...earlier]) {
    const run = id === newest.id ? newest : await runs.get(id);
    if (!run) continue;
    const results = await resultsOf(out, run);
    const models = modelsOf(results);
    const found = models.findLast(({ step }) => step === (step_id ?? step));
    known ??= listed(models.map(({ step }) => step));
    if (!found) continue;
    const label = `${run.recipe}/${found.step}`;
    const files = await openFiles(results.store, found.artifact, label);
    const note = run === newest
      ? undefined
      : `run ${newest.id} (${newest.state}) has no such model; this one is of run ${id}`;
    return { label, files, note, origin: { ...results, ...found } };
  }
  const which = step_id === undefined ? "" : ` from a step "${step_id}"`;
  throw new UsageError(`run ${newest.id} has no model${which}; steps with models: ${known}`);
}

/** Models that the steps of a run have made, in the order of its plan. */
function modelsOf({ manifests }: RunResults) {
  return [...manifests].flatMap(([step, { outputs }]) => {
    // What stages that train call their model.
    const { checkpoint: artifact } = outputs;
    return artifact?.kind === "files" ? [{ step, digest: artifact.digest, artifact }] : [];
  });
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
  if (model.note) log(`${model.label}: ${model.note}`);
  opened.notes.forEach((note) => log(`${model.label}: ${note}`));
  checkVocabulary(tokenizer.vocab_size, opened.config, model.label);
  const parameters = await loadModelFiles(opened);
  return { ...model, tokenizer, parameters };
}

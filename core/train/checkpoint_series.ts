/**
 * Checkpoints along a phase as one output: `step-000100/model.safetensors` and so on, with `checkpoints.json` as their
 * list. The stage select_checkpoint copies one of them.
 *
 * @module
 */
import { files, type FilesInput, type FilesOutput, type KeptCheckpoint } from "../stage/mod.ts";

/** Port of checkpoints along a phase. */
export const checkpoint_series = files(
  "checkpoint_series",
  "checkpoints along training, a folder each, and their list in `checkpoints.json`",
);

const LIST = "checkpoints.json";

/** A checkpoint of a series. */
export interface SeriesEntry {
  /** Optimizer steps on the schedule, and input tokens, seen so far. */
  readonly step: number;
  readonly tokens: number;
  /** Its folder in the series. */
  readonly folder: string;
}

/**
 * Writes a series. Nothing is copied: its files are in the store already.
 *
 * @param beside.names files of `tokenizer` to put beside every model.
 */
export async function writeSeries(
  output: FilesOutput,
  checkpoints: readonly KeptCheckpoint[],
  { tokenizer, names: tokenizer_files }: { tokenizer: FilesInput; names: readonly string[] },
): Promise<void> {
  const list: SeriesEntry[] = [];
  for (const { step, names, path, read } of checkpoints) {
    const folder = `step-${String(step).padStart(6, "0")}`;
    const state = JSON.parse(new TextDecoder().decode(await read("trainer_state.json")));
    list.push({ step, tokens: state.tokens, folder });
    for (const name of names) await output.write(`${folder}/${name}`, { path: path(name) });
    for (const name of tokenizer_files) {
      await output.write(`${folder}/${name}`, { path: tokenizer.path(name) });
    }
  }
  await output.write(LIST, JSON.stringify(list, null, 2) + "\n");
}

/** The checkpoints of a series, in the order of their steps. */
export async function readSeries(input: FilesInput): Promise<SeriesEntry[]> {
  return JSON.parse(await input.text(LIST));
}

/**
 * Writes the checkpoint of one step to an output, without copying it.
 *
 * @throws {Error} naming the steps of the series when this is not one of them.
 */
export async function takeCheckpoint(
  input: FilesInput,
  step: number,
  output: FilesOutput,
): Promise<void> {
  const list = await readSeries(input);
  const found = list.find((entry) => entry.step === step);
  if (!found) {
    const steps = list.map((entry) => entry.step).join(", ") || "none";
    throw new Error(
      `no checkpoint of step ${step}; the series has ${steps}. ` +
        "Add the step to keep_steps of the training stage",
    );
  }
  const prefix = `${found.folder}/`;
  for (const name of input.names.filter((name) => name.startsWith(prefix))) {
    await output.write(name.slice(prefix.length), { path: input.path(name) });
  }
}

/**
 * The files of a checkpoint: weights, optimizer moments, and the position in schedule and data.
 *
 * @module
 */
import { z } from "zod";
import { packing_schema, piece_schema } from "../batches/mod.ts";
import { count } from "../config/mod.ts";
import {
  type DecayScope,
  decodeParameters,
  encodeParameters,
  ParameterArrays,
  parseConfig,
  readSafetensors,
  toHuggingFace,
  writeSafetensors,
} from "../model/mod.ts";
import type { FilesInput, FilesOutput } from "../stage/mod.ts";
import { issueText } from "../words/mod.ts";
import { optimizer_schema } from "./adamw.ts";
import { placed_schedule_schema } from "./learning_rate.ts";
import { lineage_schema, lineageAt } from "./lineage.ts";
import { loss_scale_schema } from "./loss_scale.ts";
import { regularization_fields } from "./regularization.ts";
import { freshArrays, type TrainingArrays } from "./trainer.ts";
import { averaging_fields } from "./weight_average.ts";

const state_schema = z.strictObject({
  format: z.literal(2),
  /** Optimizer steps of the run, through every branch. */
  step: count,
  /** Input tokens of the run. */
  tokens: count,
  /** With its own `start_step`: the position on the curve is the number of steps since. */
  schedule: placed_schedule_schema,
  optimizer: optimizer_schema,
  /** Step at which the optimizer's moments were last empty; t of AdamW counts from there. 0 when left out. */
  optimizer_start_step: count.optional(),
  /** Step at which sources were last read from their beginning. 0 when left out. */
  data_start_step: count.optional(),
  /**
   * Mixtures since then. With the steps since, and `global_batch_size`, they are the data position.
   */
  mixture: z.array(piece_schema),
  packing: packing_schema,
  /** Sequences of each of those sources: their order depends on it, so it must not change between phases. */
  available: z.record(z.string(), count),
  sequence_length: count,
  global_batch_size: count,
  /** The generator is counter-based: its whole state is this seed, the phase's name and the step. */
  seed: count,
  phase: z.string(),
  /** Only where products were computed in float16. */
  loss_scale: loss_scale_schema.optional(),
  /** What keeps the phase near its start; not kept by phases that continue from here. */
  ...regularization_fields,
  /** The average of the weights along the phase; not kept either. */
  ...averaging_fields,
  /** The phases of the run, this one last. */
  lineage: lineage_schema.optional(),
});

/** The state of a training run without its arrays. */
export type TrainerState = z.output<typeof state_schema>;

/** The state at step 0: nothing trained, nothing drawn. */
export function freshState(
  options:
    & Omit<TrainerState, "format" | "step" | "tokens" | "mixture" | "available" | "packing">
    & {
      packing?: TrainerState["packing"];
    },
): TrainerState {
  const packing = packing_schema.parse(options.packing ?? {});
  return { format: 2, step: 0, tokens: 0, mixture: [], available: {}, ...options, packing };
}

/** The average of the weights in a checkpoint of an unfinished phase. */
const AVERAGE = "average.safetensors";

export type FileReader = (name: string) => Promise<Uint8Array<ArrayBuffer>>;

/**
 * The files of a checkpoint.
 *
 * @param config_json content of `config.json`; without ids of special tokens when left out.
 */
export function encodeCheckpoint(
  { parameters, m, v, loss_scale, average }: TrainingArrays,
  state: TrainerState,
  config_json: object = toHuggingFace(parameters.config),
): Record<string, Uint8Array> {
  const flat = (sets: Record<string, ParameterArrays>) =>
    writeSafetensors(
      Object.entries(sets).flatMap(([set, arrays]) =>
        Object.entries(arrays.groups).map(([group, data]) => {
          return { name: `${set}.${group}`, shape: [data.length], data };
        })
      ),
    );
  return {
    ...encodeWeights(parameters, config_json),
    "optimizer.safetensors": flat({ m, v }),
    ...(average && { [AVERAGE]: flat({ average }) }),
    // Through the schema, which puts the keys in one order.
    "trainer_state.json": text(
      state_schema.parse({ ...state, loss_scale, lineage: lineageAt(state.lineage, state) }),
    ),
  };
}

/** The files of a model without trainer state. */
export function encodeWeights(
  parameters: ParameterArrays,
  config_json: object,
): Record<string, Uint8Array> {
  return {
    "config.json": text(config_json),
    "model.safetensors": encodeParameters(parameters),
  };
}

const text = (json: unknown) => new TextEncoder().encode(JSON.stringify(json, null, 2) + "\n");

/** Writes a checkpoint to an output port. */
export async function writeCheckpoint(
  output: FilesOutput,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) await output.write(name, content);
}

/** Reads files of a checkpoint from an input port. */
export const checkpointReader = (input: FilesInput): FileReader => (name) => input.bytes(name);

/** Loads only the weights: all that evaluation needs. */
export async function loadParameters(
  read: FileReader,
  decay_scope: DecayScope = "matrices",
): Promise<ParameterArrays> {
  const config = parseConfig(parseJson(await read("config.json"), "config.json"), "config.json");
  const parameters = new ParameterArrays(config, decay_scope);
  decodeParameters(parameters, await read("model.safetensors"), "model.safetensors");
  return parameters;
}

/** Loads the state of the run. */
export async function loadTrainerState(read: FileReader): Promise<TrainerState> {
  const json = parseJson(await read("trainer_state.json"), "trainer_state.json");
  const result = state_schema.safeParse(json);
  if (!result.success) {
    throw new Error(`trainer_state.json: ${issueText(result.error.issues[0])}`);
  }
  return result.data;
}

/**
 * Loads weights and optimizer state, to continue training. An optimizer that starts at the state's step has no moments.
 *
 * @throws {Error} when the checkpoint's parameter groups differ, because its decay_scope was different.
 */
export async function loadArrays(read: FileReader, state: TrainerState): Promise<TrainingArrays> {
  const arrays = freshArrays(await loadParameters(read, state.optimizer.decay_scope));
  const steps = state.step - (state.optimizer_start_step ?? 0);
  if (steps === 0) return arrays;
  const optimizer = await readFlat(read, "optimizer.safetensors");
  for (const moment of ["m", "v"] as const) optimizer(moment, arrays[moment]);
  return { ...arrays, steps, loss_scale: state.loss_scale };
}

/** Loads the average of the weights from a checkpoint of an unfinished phase. */
export async function loadAverage(
  read: FileReader,
  { config, decay_scope }: ParameterArrays,
): Promise<ParameterArrays> {
  const average = new ParameterArrays(config, decay_scope);
  (await readFlat(read, AVERAGE))("average", average);
  return average;
}

/** Reads a file of flat arrays. @returns a function that fills arrays from the set of a name. */
async function readFlat(read: FileReader, file: string) {
  const tensors = readSafetensors(await read(file), file);
  return (set: string, arrays: ParameterArrays) => {
    for (const [group, target] of Object.entries(arrays.groups)) {
      const tensor = tensors.get(`${set}.${group}`);
      if (tensor?.data.length !== target.length) {
        throw new Error(
          `${file}: ${set}.${group} has ${tensor?.data.length ?? 0} elements, but the optimizer ` +
            `needs ${target.length}; set optimizer.decay_scope to the checkpoint's`,
        );
      }
      target.set(tensor.data);
    }
  };
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Error(`${name} is not valid JSON`);
  }
}

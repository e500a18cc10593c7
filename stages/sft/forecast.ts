/**
 * What fine-tuning says of itself before it runs.
 *
 * @module
 */
import type { Forecast, ForecastContext, InputPorts } from "../../core/stage/mod.ts";
import { parameterCount } from "../../core/model/mod.ts";
import {
  type CheckpointForecast,
  checkpointOutputs,
  freshState,
  learningRate,
  paddedLengths,
  placesOf,
  resolveSchedule,
  sourceTokens,
  type TrainerState,
  trainingCost,
} from "../../core/train/mod.ts";
import type { Config } from "./config.ts";

type Context = Pick<ForecastContext<Config, InputPorts, Record<never, never>>, "seed"> & {
  config: Config;
  parents: Readonly<{
    checkpoint: unknown;
    train: Readonly<Record<string, unknown>>;
    validation: Readonly<Record<string, unknown>>;
  }>;
};

/** Tokens that are inputs, and documents, of one source. */
interface Source {
  readonly source: string;
  readonly tokens: number;
  readonly documents: number;
}

/** Counts documents, as if each were an example that fits; steps are exact where all do. */
export function forecast({ config, seed, parents }: Context): Forecast {
  const checkpoint = parents.checkpoint as CheckpointForecast | undefined;
  if (!checkpoint) return { notes: ["nothing is known of the checkpoint that is fine-tuned"] };
  const { model } = checkpoint;
  const sources = sourcesOf(config, parents.train);
  const documents = sum(sources.map((source) => source.documents));
  const steps = Math.max(1, Math.floor(config.epochs * documents / config.global_batch_size));
  const state = freshState({
    schedule: resolveSchedule(config.schedule, steps),
    optimizer: config.optimizer,
    sequence_length: config.sequence_length,
    global_batch_size: config.global_batch_size,
    seed,
    phase: "sft",
  });
  const outputs = checkpointOutputs({ model, state: { ...state, step: steps } });
  if (documents === 0) {
    const note = "steps are known once there are tokens: they are epochs of examples";
    return { outputs, notes: [note] };
  }
  const epochs = steps * config.global_batch_size / documents;
  const mean = Math.min(
    config.sequence_length,
    sum(sources.map(({ tokens }) => tokens)) / documents,
  );
  const held_out = config.validation.sources ?? Object.keys(sourceTokens(parents.validation) ?? {});
  return {
    training: {
      parameters: parameterCount(model),
      from_step: 0,
      to_step: steps,
      tokens: Math.round(epochs * mean * documents),
      ...drawn(sources, epochs, steps, state),
      keeps: "weights kept, optimizer reset, schedule new, data from the beginning",
    },
    ...trainingCost({
      ...config, // save_optimizer among it
      model,
      from_step: 0,
      steps,
      // Batches are padded to quarters of the longest.
      sequence_length: paddedLengths(config.sequence_length).find((length) => length >= mean)!,
      compute: config,
      keep: config,
      validation: {
        every_steps: config.validation.every_steps,
        sequences: held_out.length * config.validation.max_sequences,
      },
    }),
    outputs,
  };
}

function sourcesOf(config: Config, train: Context["parents"]["train"]): Source[] {
  const known = sourceTokens(train);
  return config.sources.map((source) => {
    const { tokens, documents } = known?.[source] ?? { tokens: 0, documents: 0 };
    // A document's last token is no input.
    return { source, tokens: tokens - documents, documents };
  });
}

/** What each source gives, and the curves along the steps. */
function drawn(sources: readonly Source[], epochs: number, steps: number, state: TrainerState) {
  const all = sum(sources.map(({ tokens }) => tokens));
  const shares = Object.fromEntries(sources.map(({ source, tokens }) => [source, tokens / all]));
  return {
    sources: sources.map(({ source, tokens }) => {
      return { source, tokens: Math.round(epochs * tokens), before: 0, available: tokens };
    }),
    points: placesOf(steps).map((step) => {
      return { step, learning_rate: learningRate(state.schedule, step), shares };
    }),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

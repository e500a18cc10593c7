/**
 * What a phase on a mixture says of itself before it runs.
 *
 * @module
 */
import type { Compute } from "../engine/mod.ts";
import { extendHistory, meanShare, type MixtureConfig, MixtureSchedule } from "../batches/mod.ts";
import { type ModelConfig, parameterCount } from "../model/mod.ts";
import type { Forecast, SourceForecast, TrainingPoint } from "../stage/mod.ts";
import type { TrainerState } from "./checkpoint.ts";
import type { KeepOptions } from "./checkpointing_options.ts";
import { checkpointOutputs, placesOf, sourceTokens, tokenBytes, trainingCost } from "./forecast.ts";
import { type Branch, describeSwitches, extendLineage } from "./lineage.ts";
import { learningRate } from "./schedule.ts";

export interface MixtureForecastOptions {
  readonly model: ModelConfig;
  readonly start: TrainerState;
  readonly steps: number;
  readonly train: Readonly<Record<string, unknown>>;
  readonly validation: Readonly<Record<string, unknown>>;
  readonly branch?: Branch;
  readonly config:
    & {
      readonly mixture?: MixtureConfig;
      readonly allow_repeat: boolean | readonly string[];
      readonly micro_batch_size: number;
      readonly validation: { every_steps: number; max_sequences: number };
    }
    & KeepOptions
    & Partial<Compute>;
}

/** Forecast of a phase on a mixture. Counts are those of packing without padding. */
export function mixtureForecast(options: MixtureForecastOptions): Forecast {
  const { model, start, steps, config, branch } = options;
  const { global_batch_size, sequence_length, data_start_step = 0, step: from_step } = start;
  const first = (from_step - data_start_step) * global_batch_size;
  const last = first + steps * global_batch_size;
  const mixture = extendHistory(start.mixture, first, config.mixture, sequence_length);
  const schedule = new MixtureSchedule(mixture);
  const available = sourceTokens(options.train);
  const held_out = sourceTokens(options.validation);
  const sources = countSources(schedule, first, last, { model, sequence_length, available });
  const tokens = steps * global_batch_size * sequence_length;
  const pieces = schedule.within(first, last).map(({ piece }) => piece);
  const end: TrainerState = {
    ...start,
    mixture,
    step: from_step + steps,
    tokens: start.tokens + tokens,
    lineage: extendLineage(start, { steps, tokens, mixture: pieces, branch }),
  };
  return {
    training: {
      parameters: parameterCount(model),
      from_step,
      to_step: from_step + steps,
      tokens,
      sources,
      points: pointsOf(start, schedule, steps),
      ...(branch && { keeps: describeSwitches(branch) }),
    },
    ...trainingCost({
      ...config,
      model,
      from_step,
      steps,
      global_batch_size,
      sequence_length,
      compute: config,
      keep: config,
      validation: {
        every_steps: config.validation.every_steps,
        sequences: Object.keys(held_out ?? {}).length * config.validation.max_sequences,
      },
    }),
    outputs: checkpointOutputs({ model, state: end }),
    notes: shortSources(sources, config.allow_repeat),
  };
}

function countSources(
  schedule: MixtureSchedule,
  first: number,
  last: number,
  { model, sequence_length: T, available }: {
    model: ModelConfig;
    sequence_length: number;
    available?: Record<string, { tokens: number }>;
  },
): SourceForecast[] {
  const before = schedule.drawn(first), after = schedule.drawn(last);
  return Object.keys(after).filter((source) => after[source] > (before[source] ?? 0))
    .map((source) => ({
      source,
      tokens: (after[source] - (before[source] ?? 0)) * T,
      before: (before[source] ?? 0) * T,
      token_bytes: tokenBytes(model.vocab_size),
      // A sequence holds a token more than it has inputs.
      ...(available &&
        { available: Math.floor((available[source]?.tokens ?? 0) / (T + 1)) * T }),
    }));
}

function pointsOf(
  { schedule, step, global_batch_size, data_start_step = 0 }: TrainerState,
  mixture: MixtureSchedule,
  steps: number,
): TrainingPoint[] {
  return placesOf(steps).map((at) => {
    const from = (step + at - data_start_step) * global_batch_size;
    const [{ piece }] = mixture.within(from, from + 1);
    // A mixture that moves stands still where it has arrived.
    const place = Math.min(from, piece.until ?? from) - piece.from;
    const shares = mixture.sources.map((source) => {
      return [source, meanShare(piece, source, place, place)] as const;
    });
    return {
      step: step + at,
      learning_rate: learningRate(schedule, step + at),
      shares: Object.fromEntries(shares.filter(([, share]) => share > 0)),
    };
  });
}

/** Sources that hold too little: training would refuse to begin. */
function shortSources(
  sources: readonly SourceForecast[],
  allow_repeat: boolean | readonly string[],
): string[] {
  return sources.filter(({ source, tokens, before, available = Infinity }) => {
    const allowed = typeof allow_repeat === "boolean"
      ? allow_repeat
      : allow_repeat.includes(source);
    return !allowed && tokens + before > available;
  }).map(({ source }) => `"${source}" holds too few tokens, and may not be repeated`);
}

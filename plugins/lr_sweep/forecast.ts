/**
 * What a sweep will do and need.
 *
 * @module
 */
import { passFlops } from "@causeway/core/model";
import type { Forecast } from "@causeway/core/stage";
import {
  type CheckpointForecast,
  evalSetsForecast,
  examplesForecast,
  forwardWork,
  missingSources,
  sourceNames,
  sourceTokens,
  trainingCost,
} from "@causeway/core/train";
import { type Config, learningRates } from "./config.ts";

/** Forecasts of the inputs. */
interface Parents {
  readonly checkpoint: unknown;
  readonly train: Readonly<Record<string, unknown>>;
  readonly validation: Readonly<Record<string, unknown>>;
}

/**
 * A fine-tuning at each rate, with held-out losses before all of them and after each. Examples count as long as the mean
 * one. No checkpoint is kept.
 */
export function forecastSweep(
  { config, parents }: { readonly config: Config; readonly parents: Parents },
): Forecast {
  const checkpoint = parents.checkpoint as CheckpointForecast | undefined;
  const train = sourceTokens(parents.train), held_out = sourceTokens(parents.validation);
  if (!checkpoint || !train || !held_out) {
    return {
      notes: ["the cost is unknown until the data are tokenized and the checkpoint exists"],
    };
  }
  const { model } = checkpoint;
  const { sequence_length, max_sequences } = config;
  const sources = sourceNames(config.sources);
  const { steps, rows, length, documents } = examplesForecast(train, config);
  const { sets, problems } = evalSetsForecast(held_out, {
    sources: config.held_out,
    sequence_length,
    max_sequences,
    mode: (source) => sources.includes(source) ? "examples" : "packed",
  });
  const missing = [...missingSources(train, sources), ...problems];
  if (documents === 0) return { problems: missing };
  const rates = learningRates(config.rates).length;
  const { memory, scratch, compute } = trainingCost({
    ...config,
    model,
    from_step: 0,
    steps,
    sequence_length: length,
    compute: config,
    keep: {},
    validation: { every_steps: steps, sequences: 0 },
  });
  const measured = forwardWork(model, sets, config.micro_batch_size);
  return {
    tokens: rates * rows * length + (rates + 1) * measured.tokens,
    flops: rates * passFlops(model, { rows, length }, "step") +
      (rates + 1) * measured.flops,
    memory,
    scratch,
    compute,
    problems: missing,
  };
}

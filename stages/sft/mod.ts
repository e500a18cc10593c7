/**
 * The sft stage: supervised fine-tuning on whole examples, with its own optimizer and schedule (paper, section 3: 4
 * epochs, batch size 64, cosine with 10% warmup).
 *
 * @module
 */
import { z } from "zod";
import { ledgerTable, passesOver } from "@causeway/core/batches";
import { distinct } from "@causeway/core/config";
import { compute_fields, computeNeeds } from "@causeway/core/engine";
import { parameterCount } from "@causeway/core/model";
import {
  defineStage,
  type Forecast,
  type ForecastContext,
  type InspectContext,
  many,
  optional,
  ports,
  type TableInput,
} from "@causeway/core/stage";
import {
  averaging_fields,
  batchSample,
  type CheckpointForecast,
  checkpointing_fields,
  checkpointOutputs,
  checkpointReader,
  checkTokenizer,
  checkTuning,
  evalSets,
  freshArrays,
  freshState,
  learningRate,
  loadParameters,
  optimizer_schema,
  paddedLengths,
  type Phase,
  placesOf,
  resolveSchedule,
  schedule_schema,
  sourceNames,
  sourceTokens,
  type TrainerState,
  training_outputs,
  trainingCost,
  trainPhase,
  tuning_fields,
  type TuningPhase,
  tuningPhase,
  validation_schema,
  writePhase,
} from "@causeway/core/train";

const config = z.strictObject({
  ...tuning_fields,
  schedule: schedule_schema,
  optimizer: optimizer_schema.prefault({}),
  /** How validation loss is measured during training: example by example for `sources`, packed for other sources. */
  validation: validation_schema.extend({
    /** Held-out sources to measure; all sources of the validation input when not set. */
    sources: distinct(z.array(z.string())).optional(),
    /**
     * Of these, the sources that are measured document by document, and whose loss is the mean over documents of their mean
     * losses, as the authors' code has it for C4; their bits per byte are left empty.
     */
    by_document: distinct(z.array(z.string())).default([]),
  }).prefault({}),
  /**
   * Whether the final checkpoint includes the optimizer state, two thirds of its size. It is only needed to continue
   * training with the same optimizer.
   */
  save_optimizer: z.boolean().default(true),
  ...checkpointing_fields,
  ...averaging_fields,
  ...compute_fields,
}).superRefine(checkTuning);

type Config = z.output<typeof config>;

const inputs = {
  checkpoint: ports.checkpoint,
  train: many(ports.tokens),
  validation: many(ports.tokens, 0),
  /** If connected, the best peak learning rate for the first of `sources` replaces `schedule.peak_lr`. */
  learning_rates: optional(ports.learning_rates),
};

const outputs = {
  ...training_outputs,
  /** Before the first step and after the last one. */
  document_losses: ports.document_losses,
  /** In supervised tokens. */
  mixture: ports.mixture_ledger,
};

type Context = InspectContext<Config, typeof inputs>;

async function preparePhase(
  { config, inputs, seed, log }: Context,
): Promise<{ phase: Phase; ledger: TuningPhase["ledger"] }> {
  const { sequence_length, validation } = config;
  const { checkpoint, train } = inputs;
  await checkTokenizer({ train, validation: inputs.validation }, checkpoint, "the checkpoint's");
  const { plan, ledger, phase: tuning, startWith } = await tuningPhase(
    config,
    inputs.train,
    checkpointReader(checkpoint),
    seed,
  );
  plan.forEach(log);
  const sources = sourceNames(config.sources);
  const peak_lr = await bestLearningRate(inputs.learning_rates, sources[0]);
  if (peak_lr !== undefined) log(`using peak_lr ${peak_lr} from the learning rate sweep`);
  const eval_sets = await evalSets(inputs.validation, {
    sequence_length,
    max_sequences: validation.max_sequences,
    sources: validation.sources,
    mode: (source) => sources.includes(source) ? "examples" : "packed",
    pack_into: config.packing === false ? undefined : paddedLengths(sequence_length),
    average: (source) => validation.by_document.includes(source) ? "document" : "token",
    port: "validation",
    tokenizer: inputs.checkpoint,
    log,
  });
  const unmeasured = validation.by_document.find((source) => !eval_sets.has(source));
  if (unmeasured !== undefined) {
    const measured = [...eval_sets.keys()].map((name) => `"${name}"`).join(", ") || "nothing";
    throw new Error(`by_document names "${unmeasured}", but what is measured is ${measured}`);
  }
  const phase: Phase = {
    ...tuning,
    start: {
      ...startWith({ ...config.schedule, ...peak_lr && { peak_lr } }),
      weight_average: config.weight_average,
    },
    validation: eval_sets,
    validate_every: validation.every_steps,
    document_losses: true,
    keep: config,
  };
  return { phase, ledger };
}

export const sft = defineStage({
  name: "sft",
  version: "10",
  description:
    "Fine-tunes a checkpoint on examples; prompts are excluded from the loss if the dataset says so.",
  config,
  inputs,
  outputs,
  parallel: true,
  async run(ctx) {
    const { config: { optimizer }, inputs: { checkpoint }, outputs } = ctx;
    const { phase: tuning, ledger } = await preparePhase(ctx);
    const phase = { ...tuning, tokenizer: checkpoint };
    const result = await trainPhase(ctx, phase, async () => {
      return freshArrays(
        await loadParameters(checkpointReader(checkpoint), optimizer.decay_scope),
      );
    });
    await writePhase(outputs, phase, result, ctx.config);
    await outputs.document_losses.write(result.history.documentTable());
    // Counted in supervised tokens, not in sequences.
    await outputs.mixture.write(ledgerTable(ledger(), 1));
  },
  async inspect(ctx, at) {
    return batchSample((await preparePhase(ctx)).phase, ctx.inputs.checkpoint, at);
  },
  requires: (config) => ({ compute: computeNeeds(config) }),
  forecast,
});

/** The learning rate that a sweep found for a source; undefined if no sweep is connected. */
async function bestLearningRate(
  rates: TableInput<typeof ports.learning_rates.columns> | undefined,
  source: string,
): Promise<number | undefined> {
  if (!rates) return undefined;
  const known: string[] = [];
  for await (const batch of rates.batches()) {
    const row = batch.source.indexOf(source);
    if (row >= 0) return batch.learning_rate[row];
    known.push(...batch.source);
  }
  throw new Error(
    `the learning_rates input has no rate for source "${source}"; it has rates for ${
      known.join(", ")
    }`,
  );
}

type SftForecast = ForecastContext<Config, typeof inputs, typeof outputs>;

/** Input tokens and documents of one source. */
interface Source {
  readonly source: string;
  readonly tokens: number;
  readonly documents: number;
  /** Share of the examples drawn. */
  readonly share: number;
}

/** Assumes that every document is an example that fits and has no prompt; the number of steps is exact if that is so. */
function forecast({ config, seed, parents }: SftForecast): Forecast {
  const checkpoint = parents.checkpoint as CheckpointForecast | undefined;
  if (!checkpoint) return { notes: ["unknown until the checkpoint to fine-tune exists"] };
  const { model } = checkpoint;
  const sources = sourcesOf(config, parents.train);
  const documents = sum(sources.map((source) => source.documents));
  const mean_labels = sum(sources.map(({ share, tokens, documents }) => {
    return documents === 0 ? 0 : share * tokens / documents;
  }));
  const passes = passesOver(documents, config, mean_labels || 1);
  const { steps } = passes;
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
    const note = "the number of steps is unknown until the data are tokenized";
    return { outputs, notes: [note] };
  }
  const mean = Math.min(config.sequence_length, mean_labels);
  const eval_sources = config.validation.sources ??
    Object.keys(sourceTokens(parents.validation) ?? {});
  return {
    training: {
      parameters: parameterCount(model),
      from_step: 0,
      to_step: steps,
      tokens: Math.round(passes.drawn * mean / (1 - (config.replay?.share ?? 0))),
      sequences: passes.batch_size,
      ...drawn(sources, passes, state, replayed(config, parents.train)),
      keeps: "weights kept, optimizer reset, schedule new, data from the beginning",
    },
    ...trainingCost({
      ...config, // save_optimizer included
      model,
      from_step: 0,
      steps,
      // Batches are padded to quarters of the sequence length.
      sequence_length: paddedLengths(config.sequence_length).find((length) => length >= mean)!,
      compute: config,
      keep: config,
      validation: {
        every_steps: config.validation.every_steps,
        sequences: eval_sources.length * config.validation.max_sequences,
      },
    }),
    outputs,
    ...(config.supervised_tokens !== undefined && {
      notes: ["the number of steps counts prompts as supervised; with prompts there are more"],
    }),
  };
}

function sourcesOf(config: Config, train: Readonly<Record<string, unknown>>): Source[] {
  const known = sourceTokens(train), weights = config.sources;
  const names = sourceNames(weights);
  const sources = names.map((source) => {
    const { tokens, documents } = known?.[source] ?? { tokens: 0, documents: 0 };
    // The last token of a document is a target only.
    return { source, tokens: tokens - documents, documents };
  });
  const weightOf = (source: Omit<Source, "share">) =>
    Array.isArray(weights) ? source.documents : (weights as Record<string, number>)[source.source];
  const all = sum(sources.map(weightOf));
  return sources.map((source) => ({ ...source, share: all === 0 ? 0 : weightOf(source) / all }));
}

/** Replayed text as a source, with its share of the tokens. */
function replayed({ replay }: Config, train: Readonly<Record<string, unknown>>) {
  return replay && { ...replay, available: sourceTokens(train)?.[replay.source]?.tokens ?? 0 };
}

/** Tokens drawn from each source, and learning rate and shares of the tokens along the steps. */
function drawn(
  sources: readonly Source[],
  passes: ReturnType<typeof passesOver>,
  state: TrainerState,
  replay: ReturnType<typeof replayed>,
) {
  const rows = sources.map(({ source, share, tokens, documents }) => {
    const drawn = documents === 0 ? 0 : passes.drawn * share * tokens / documents;
    return { source, tokens: Math.round(drawn), before: 0, available: tokens };
  });
  const all = sum(rows.map(({ tokens }) => tokens)) / (1 - (replay?.share ?? 0));
  if (replay) {
    const { source, share, available } = replay;
    rows.push({ source, tokens: Math.round(share * all), before: 0, available });
  }
  const shares = Object.fromEntries(rows.map(({ source, tokens }) => [source, tokens / all]));
  const points = placesOf(passes.steps).map((step) => {
    return { step, learning_rate: learningRate(state.schedule, step), shares };
  });
  return { sources: rows, points };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

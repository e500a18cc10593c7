/**
 * The sft stage: supervised fine-tuning on whole examples, with an optimizer and a schedule of its own (paper,
 * section 3: 4 epochs, batch 64, cosine with 10% warm-up).
 *
 * @module
 */
import type { ExampleSampler } from "../../core/batches/mod.ts";
import {
  defineStage,
  type InspectContext,
  many,
  optional,
  ports,
  type TableInput,
} from "../../core/stage/mod.ts";
import {
  batchSample,
  checkpointReader,
  evalSets,
  freshArrays,
  loadParameters,
  type Phase,
  training_outputs,
  trainPhase,
  tuningPhase,
  writePhase,
} from "../../core/train/mod.ts";
import { type Config, config } from "./config.ts";
import { forecast } from "./forecast.ts";

const inputs = {
  checkpoint: ports.checkpoint,
  train: many(ports.tokens),
  validation: many(ports.tokens, 0),
  /** Connected, the best peak learning rate for the first of `sources` stands in place of `schedule.peak_lr`. */
  learning_rates: optional(ports.learning_rates),
};

type Context = InspectContext<Config, typeof inputs>;

async function preparePhase({ config, inputs, seed, log }: Context): Promise<Phase> {
  const { sequence_length, validation } = config;
  const { sampler, phase, startWith } = await tuningPhase(config, inputs.train, seed);
  log(describe(sampler, config));
  const peak_lr = await bestLearningRate(inputs.learning_rates, config.sources[0]);
  if (peak_lr !== undefined) log(`peak_lr ${peak_lr}, the best of those tried`);
  return {
    ...phase,
    start: startWith({ ...config.schedule, ...peak_lr && { peak_lr } }),
    validation: await evalSets(inputs.validation, {
      sequence_length,
      max_sequences: validation.max_sequences,
      sources: validation.sources,
      mode: (source) => config.sources.includes(source) ? "examples" : "packed",
    }),
    validate_every: validation.every_steps,
    keep: config,
  };
}

export const sft = defineStage({
  name: "sft",
  version: "5",
  description: "Fine-tunes a checkpoint on examples, prompts masked where the dataset says so.",
  config,
  inputs,
  outputs: training_outputs,
  parallel: true,
  async run(ctx) {
    const { config: { optimizer }, inputs: { checkpoint }, outputs } = ctx;
    const phase = await preparePhase(ctx);
    const result = await trainPhase(ctx, { ...phase, tokenizer: checkpoint }, async () => {
      return freshArrays(
        await loadParameters(checkpointReader(checkpoint), optimizer.decay_scope),
      );
    });
    await writePhase(outputs, phase, result, checkpoint, ctx.config);
  },
  async inspect(ctx, at) {
    return batchSample(await preparePhase(ctx), ctx.inputs.checkpoint, at);
  },
  forecast,
});

/** The rate that a sweep found for a source; undefined where no sweep is connected. */
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
    `no learning rate for source "${source}" is connected; there are some for ${known.join(", ")}`,
  );
}

/** What is trained on, and what became of documents that do not fit. */
function describe(sampler: ExampleSampler, { overlong, sequence_length }: Config): string {
  const done = overlong === "skip" ? "left out" : "cut";
  const long = sampler.overlong > 0
    ? `; ${sampler.overlong} longer than ${sequence_length + 1} tokens, ${done}`
    : "";
  const empty = sampler.skipped > 0
    ? `; ${sampler.skipped} without a token to learn, left out`
    : "";
  return `${sampler.examples} examples, ${sampler.steps} steps${long}${empty}`;
}

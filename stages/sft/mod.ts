/**
 * The sft stage: supervised fine-tuning on whole examples, with an optimizer and a schedule of its own (paper,
 * section 3: 4 epochs, batch 64, cosine with 10% warm-up).
 *
 * @module
 */
import { ExampleSampler, loadDocumentSets } from "../../core/data/mod.ts";
import { defineStage, type InspectContext, many, ports } from "../../core/stage/mod.ts";
import {
  batchSample,
  checkpointReader,
  computeOptions,
  findSet,
  freshArrays,
  freshState,
  loadParameters,
  paddedLengths,
  type Phase,
  placeSchedule,
  training_outputs,
  trainPhase,
  validationSequences,
  writePhase,
} from "../../core/train/mod.ts";
import { type Config, config } from "./config.ts";
import { forecast } from "./forecast.ts";

const inputs = {
  checkpoint: ports.checkpoint,
  train: many(ports.tokens),
  validation: many(ports.tokens, 0),
};

type Context = InspectContext<Config, typeof inputs>;

async function preparePhase({ config, inputs, seed, log }: Context): Promise<Phase> {
  const { sequence_length, global_batch_size, optimizer, validation } = config;
  const sets = await loadDocumentSets(inputs.train);
  const sampler = new ExampleSampler({
    ...config,
    sets: config.sources.map((name) => findSet(sets, name)),
    seed,
    phase: "sft",
  });
  log(describe(sampler, config));
  return {
    steps: sampler.steps,
    start: freshState({
      schedule: placeSchedule(config.schedule, sampler.steps),
      optimizer,
      sequence_length,
      global_batch_size,
      seed,
      phase: "sft",
    }),
    batch: (step) => sampler.batch(step),
    micro_batch_size: config.micro_batch_size,
    lengths: paddedLengths(sequence_length),
    validation: await validationSequences(inputs.validation, {
      sequence_length,
      max_sequences: validation.max_sequences,
      sources: validation.sources,
      mode: (source) => config.sources.includes(source) ? "examples" : "packed",
    }),
    validate_every: validation.every_steps,
    compute: computeOptions(config),
    keep: config,
  };
}

export const sft = defineStage({
  name: "sft",
  version: "4",
  description: "Fine-tunes a checkpoint on examples, prompts masked where the dataset says so.",
  config,
  inputs,
  outputs: training_outputs,
  async run(ctx) {
    const { config: { optimizer }, inputs: { checkpoint }, outputs } = ctx;
    const phase = await preparePhase(ctx);
    const result = await trainPhase(ctx, phase, async () => {
      return freshArrays(
        await loadParameters(checkpointReader(checkpoint), optimizer.decay_scope),
      );
    });
    await writePhase(outputs, phase, result, checkpoint);
  },
  async inspect(ctx, at) {
    return batchSample(await preparePhase(ctx), ctx.inputs.checkpoint, at);
  },
  forecast,
});

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

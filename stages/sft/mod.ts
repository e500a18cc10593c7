/**
 * The sft stage: supervised fine-tuning on whole examples, with an optimizer and a schedule of its own (paper,
 * section 3: 4 epochs, batch 64, cosine with 10% warm-up).
 *
 * @module
 */
import { ExampleSampler, loadDocumentSets } from "../../core/data/mod.ts";
import { defineStage, many, ports } from "../../core/stage/mod.ts";
import {
  checkpointReader,
  computeOptions,
  findSet,
  freshArrays,
  freshState,
  loadParameters,
  paddedLengths,
  training_outputs,
  trainPhase,
  validationSequences,
  writePhase,
} from "../../core/train/mod.ts";
import { type Config, config } from "./config.ts";

export const sft = defineStage({
  name: "sft",
  version: "3",
  description: "Fine-tunes a checkpoint on examples, prompts masked where the dataset says so.",
  config,
  inputs: {
    checkpoint: ports.checkpoint,
    train: many(ports.tokens),
    validation: many(ports.tokens, 0),
  },
  outputs: training_outputs,
  async run(ctx) {
    const { config, inputs, outputs, seed } = ctx;
    const { epochs, sequence_length, global_batch_size, optimizer, validation } = config;
    const sets = await loadDocumentSets(inputs.train);
    const sampler = new ExampleSampler({
      sets: config.sources.map((name) => findSet(sets, name)),
      sequence_length,
      overlong: config.overlong,
      global_batch_size,
      epochs,
      seed,
      phase: "sft",
    });
    const { steps } = sampler;
    ctx.log(describe(sampler, config));
    const phase = {
      steps,
      start: freshState({
        schedule: { ...config.schedule, horizon_steps: steps },
        optimizer,
        sequence_length,
        global_batch_size,
        seed,
        phase: "sft",
      }),
      batch: (step: number) => sampler.batch(step),
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
    };
    const result = await trainPhase(ctx, phase, async () => {
      const read = checkpointReader(inputs.checkpoint);
      return freshArrays(await loadParameters(read, optimizer.decay_scope));
    });
    await writePhase(outputs, result, inputs.checkpoint);
  },
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

/**
 * The evaluate stage: loss of several models on held-out tokens of several sources.
 *
 * @module
 */
import { z } from "zod";
import { positive_int } from "@causeway/core/config";
import { compute_fields, computeOptions } from "@causeway/core/engine";
import { passFlops, placeWeights } from "@causeway/core/model";
import { batchOf, defineStage, many, ports } from "@causeway/core/stage";
import {
  bitsPerByte,
  type CheckpointForecast,
  checkpointReader,
  evalSets,
  Evaluator,
  loadParameters,
  micro_batch_size,
  paddedLengths,
  productOf,
  sourceTokens,
} from "@causeway/core/train";

const config = z.strictObject({
  /** Sources to measure; all sources of the tokens input when not set. */
  sources: z.array(z.string()).optional(),
  /** Sources measured document by document, without loss on prompts; other sources are packed as in pretraining. */
  by_example: z.array(z.string()).default([]),
  /** Input tokens per sequence. */
  sequence_length: positive_int.default(512),
  /** Maximum number of sequences per source, evenly spaced over all of them. */
  max_sequences: positive_int.default(512),
  micro_batch_size,
  ...compute_fields,
});

export const evaluate = defineStage({
  name: "evaluate",
  version: "2",
  description: "Measures the held-out loss of models on each source, weighted by token.",
  config,
  inputs: { models: many(ports.checkpoint), tokens: many(ports.tokens) },
  outputs: { evaluation: ports.evaluation },
  async run({ config, inputs, outputs, signal, report }) {
    const { sequence_length, max_sequences, micro_batch_size } = config;
    const eval_sets = await evalSets(inputs.tokens, {
      sequence_length,
      max_sequences,
      sources: config.sources,
      mode: (source) => config.by_example.includes(source) ? "examples" : "packed",
    });
    const each = [...eval_sets.values()].reduce((sum, { sequences }) => sum + sequences.length, 0);
    const total = each * Object.keys(inputs.models).length;
    let done = 0;
    const compute = computeOptions(config);
    const lengths = paddedLengths(sequence_length);
    const evaluator = new Evaluator({ micro_batch_size, lengths, compute });
    for (const [model, input] of Object.entries(inputs.models)) {
      const parameters = await loadParameters(checkpointReader(input));
      const weights = await placeWeights(parameters, compute.device);
      for (const [source, eval_set] of eval_sets) {
        const { sequences } = eval_set;
        const { loss, tokens } = await evaluator.loss(weights, sequences, (count) => {
          signal.throwIfAborted();
          report(done + count, {}, total);
        });
        if (tokens > 0 && !Number.isFinite(loss)) {
          throw new Error(
            `the loss of model "${model}" on "${source}" is ${loss}: its logits are not finite; use another checkpoint`,
          );
        }
        done += sequences.length;
        report(done, { [`loss/${model}/${source}`]: loss }, total);
        const row = { model, source, loss, bits_per_byte: bitsPerByte(loss, eval_set), tokens };
        await outputs.evaluation.write(batchOf(ports.evaluation, [row]));
      }
      weights.release();
    }
    await evaluator.release();
  },
  forecast({ config, parents }) {
    const known = sourceTokens(parents.tokens);
    const sources = config.sources ?? (known && Object.keys(known));
    const models = Object.values(parents.models) as (CheckpointForecast | undefined)[];
    if (!sources || !models.every((model) => model !== undefined)) {
      return { notes: ["the cost is unknown until the data are tokenized and the models exist"] };
    }
    const { sequence_length: length, max_sequences } = config;
    const shape = { rows: sources.length * max_sequences, length };
    return {
      // An upper bound: a source may have fewer and shorter sequences.
      flops: models.reduce((sum, { model }) => sum + passFlops(model, shape, "forward"), 0),
      compute: productOf(config, models[0].model, config.micro_batch_size * length),
    };
  },
});

/**
 * The evaluate stage: held-out loss of several models on several sources.
 *
 * @module
 */
import { computeOptions } from "../../core/engine/mod.ts";
import { defineStage, many, ports } from "../../core/stage/mod.ts";
import { passFlops, placeWeights } from "../../core/model/mod.ts";
import {
  bitsPerByte,
  type CheckpointForecast,
  checkpointReader,
  evalSets,
  Evaluator,
  loadParameters,
  paddedLengths,
  productOf,
  sourceTokens,
} from "../../core/train/mod.ts";
import { config } from "./config.ts";

export const evaluate = defineStage({
  name: "evaluate",
  version: "2",
  description: "Measures held-out loss of models on sources, token-weighted, in a fixed order.",
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
        done += sequences.length;
        report(done, { [`loss/${model}/${source}`]: loss }, total);
        await outputs.evaluation.write({
          model: [model],
          source: [source],
          loss: Float64Array.of(loss),
          bits_per_byte: Float64Array.of(bitsPerByte(loss, eval_set)),
          tokens: Float64Array.of(tokens),
        });
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
      return { notes: ["what is measured is known once there are tokens"] };
    }
    const { sequence_length: length, max_sequences } = config;
    const shape = { rows: sources.length * max_sequences, length };
    return {
      // At most: a source may have fewer sequences, and shorter ones.
      flops: models.reduce((sum, { model }) => sum + passFlops(model, shape, "forward"), 0),
      compute: productOf(config, models[0].model, config.micro_batch_size * length),
    };
  },
});

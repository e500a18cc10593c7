/**
 * The evaluate stage: held-out loss of several models on several sources.
 *
 * @module
 */
import {
  evaluationSequences,
  loadDocumentSets,
  type Sequence,
  type TokenSet,
} from "../../core/data/mod.ts";
import { defineStage, many, ports } from "../../core/stage/mod.ts";
import { passFlops } from "../../core/model/mod.ts";
import {
  type CheckpointForecast,
  checkpointReader,
  computeOptions,
  Evaluator,
  findSet,
  loadParameters,
  paddedLengths,
  placeWeights,
  productOf,
  sourceTokens,
} from "../../core/train/mod.ts";
import { config } from "./config.ts";

/**
 * UTF-8 bytes per token over a whole source: what turns nats per token into bits per byte. NaN where prompts are
 * masked, because the bytes of the rest are not known.
 */
function bytesPerToken(set: TokenSet, by_example: boolean): number {
  if (by_example && set.has_prompts) return NaN;
  return set.text_bytes / set.token_count;
}

export const evaluate = defineStage({
  name: "evaluate",
  version: "2",
  description: "Measures held-out loss of models on sources, token-weighted, in a fixed order.",
  config,
  inputs: { models: many(ports.checkpoint), tokens: many(ports.tokens) },
  outputs: { evaluation: ports.evaluation },
  async run({ config, inputs, outputs, signal, report }) {
    const { sequence_length, max_sequences, micro_batch_size } = config;
    const sets = await loadDocumentSets(inputs.tokens);
    const names = config.sources ?? [...sets.keys()];
    const sequences = new Map<string, Sequence[]>(names.map((name) => {
      const mode = config.by_example.includes(name) ? "examples" : "packed";
      const options = { sequence_length, max_sequences, mode } as const;
      return [name, evaluationSequences(findSet(sets, name), options)];
    }));
    const bytes_per_token = new Map(names.map((name) => {
      return [name, bytesPerToken(findSet(sets, name), config.by_example.includes(name))];
    }));
    const each = [...sequences.values()].reduce((sum, list) => sum + list.length, 0);
    const total = each * Object.keys(inputs.models).length;
    let done = 0;
    const compute = computeOptions(config);
    const lengths = paddedLengths(sequence_length);
    const evaluator = new Evaluator({ micro_batch_size, lengths, compute });
    for (const [model, input] of Object.entries(inputs.models)) {
      const parameters = await loadParameters(checkpointReader(input));
      const weights = await placeWeights(parameters, compute.device);
      for (const [source, list] of sequences) {
        const { loss, tokens } = await evaluator.loss(weights, list, (count) => {
          signal.throwIfAborted();
          report(done + count, {}, total);
        });
        done += list.length;
        report(done, { [`loss/${model}/${source}`]: loss }, total);
        await outputs.evaluation.write({
          model: [model],
          source: [source],
          loss: Float64Array.of(loss),
          // bits per byte = nats per token / ln 2 / (bytes per token)
          bits_per_byte: Float64Array.of(loss / Math.LN2 / bytes_per_token.get(source)!),
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

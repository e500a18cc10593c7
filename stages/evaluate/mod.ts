/**
 * The evaluate stage: loss of several models on held-out tokens of several sources.
 *
 * @module
 */
import { z } from "zod";
import { distinct, positive_int } from "@causeway/core/config";
import { compute_fields, computeNeeds, computeOptions } from "@causeway/core/engine";
import { placeWeights } from "@causeway/core/model";
import { batchOf, defineStage, many, ports } from "@causeway/core/stage";
import {
  bitsPerByte,
  checkModels,
  type CheckpointForecast,
  checkpointReader,
  DocumentSums,
  type EvalSet,
  evalSets,
  evalSetsForecast,
  Evaluator,
  forwardMemory,
  forwardWork,
  loadParameters,
  micro_batch_size,
  missingSources,
  NonFiniteError,
  paddedLengths,
  productOf,
  sourceTokens,
} from "@causeway/core/train";

const config = z.strictObject({
  /** Sources to measure; all sources of the tokens input when not set. */
  sources: distinct(z.array(z.string())).optional(),
  /** Sources measured document by document, without loss on prompts; other sources are packed as in pretraining. */
  by_example: distinct(z.array(z.string())).default([]),
  /**
   * "token": the mean loss over the tokens of a source. "document": the mean over its documents of their mean losses, as the
   * authors' code has it; all sources are then measured document by document, and bits per byte are left empty.
   */
  average: z.enum(["token", "document"]).default("token"),
  /** Input tokens per sequence. */
  sequence_length: positive_int.default(512),
  /** Maximum number of sequences per source, evenly spaced over all of them. */
  max_sequences: positive_int.default(512),
  micro_batch_size,
  ...compute_fields,
});

export const evaluate = defineStage({
  name: "evaluate",
  version: "5",
  description:
    "Measures the held-out loss of models on each source, weighted by token or by document.",
  config,
  inputs: { models: many(ports.checkpoint), tokens: many(ports.tokens) },
  outputs: { evaluation: ports.evaluation },
  async run({ config, inputs, outputs, signal, report, log }) {
    const { sequence_length, max_sequences, micro_batch_size } = config;
    await checkModels({ tokens: inputs.tokens }, inputs.models);
    const eval_sets = await evalSets(inputs.tokens, {
      sequence_length,
      max_sequences,
      sources: config.sources,
      mode: modeOf(config),
      average: () => config.average,
      port: "tokens",
      tokenizer: Object.values(inputs.models)[0],
      log,
    });
    checkSources(config.by_example, eval_sets);
    const each = [...eval_sets.values()].reduce((sum, { sequences }) => sum + sequences.length, 0);
    const total = each * Object.keys(inputs.models).length;
    let done = 0;
    const compute = computeOptions(config);
    const lengths = paddedLengths(sequence_length);
    await using evaluator = new Evaluator({ micro_batch_size, lengths, compute });
    for (const [model, input] of Object.entries(inputs.models)) {
      const parameters = await loadParameters(checkpointReader(input));
      const weights = await placeWeights(parameters, compute.device);
      for (const [source, eval_set] of eval_sets) {
        const { sequences } = eval_set;
        const onBatch = (count: number) => {
          signal.throwIfAborted();
          report(done + count, {}, total);
        };
        const by_document = eval_set.average === "document";
        const documents = by_document ? new DocumentSums(sequences) : undefined;
        const measured = await evaluator.loss(weights, sequences, { onBatch, documents });
        const loss = documents?.mean() ?? measured.loss, { tokens } = measured;
        if (!Number.isFinite(loss)) {
          throw NonFiniteError.ofWeights(`loss of "${model}" on "${source}"`, loss);
        }
        done += sequences.length;
        report(done, { [`loss/${model}/${source}`]: loss }, total);
        const row = { model, source, loss, bits_per_byte: bitsPerByte(loss, eval_set), tokens };
        await outputs.evaluation.write(batchOf(ports.evaluation, [row]));
      }
      weights.release();
    }
  },
  requires: (config) => ({ compute: computeNeeds(config) }),
  forecast({ config, parents }) {
    const known = sourceTokens(parents.tokens);
    const models = Object.values(parents.models) as (CheckpointForecast | undefined)[];
    if (!known || !models.every((model) => model !== undefined)) {
      return { notes: ["the cost is unknown until the data are tokenized and the models exist"] };
    }
    const { sequence_length: length, micro_batch_size: rows, by_example } = config;
    const { sets, problems } = evalSetsForecast(known, { ...config, mode: modeOf(config) });
    const unmeasured = by_example.filter((source) => !sets.some((set) => set.source === source));
    const work = models.map(({ model }) => forwardWork(model, sets, rows));
    return {
      tokens: sum(work.map(({ tokens }) => tokens)),
      flops: sum(work.map(({ flops }) => flops)),
      // One model at a time.
      memory: forwardMemory(models[0].model, { rows, length }),
      compute: productOf(config, models[0].model, rows * length),
      problems: [...new Set([...problems, ...missingSources(known, unmeasured)])],
    };
  },
});

/** How each source is measured. */
function modeOf({ by_example, average }: Pick<z.output<typeof config>, "by_example" | "average">) {
  return (source: string) =>
    average === "document" || by_example.includes(source) ? "examples" : "packed";
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** @throws {Error} when a source to measure by example is not measured, or nothing is. */
function checkSources(
  by_example: readonly string[],
  eval_sets: ReadonlyMap<string, EvalSet>,
): void {
  const measured = [...eval_sets.keys()].map((name) => `"${name}"`).join(", ");
  const unknown = by_example.find((name) => !eval_sets.has(name));
  if (unknown !== undefined) {
    throw new Error(
      `by_example names "${unknown}", but what is measured is ${measured || "nothing"}`,
    );
  }
  if (eval_sets.size > 0) return;
  throw new Error(
    'the input "tokens" has nothing to measure; connect a table of tokens that is not empty',
  );
}

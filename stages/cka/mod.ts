/**
 * The cka stage: linear CKA between all layers of several models on the same probe texts. Every position is a row.
 *
 * @module
 */
import { z } from "zod";
import { distinct, positive_int } from "@causeway/core/config";
import { CkaAccumulator, mean } from "@causeway/core/analysis";
import {
  evaluationSequences,
  findSet,
  loadDocumentSets,
  partOf,
  type Sequence,
} from "@causeway/core/batches";
import { compute_fields, computeNeeds, computeOptions, CrossProducts } from "@causeway/core/engine";
import { placeWeights, type Weights } from "@causeway/core/model";
import { batchOf, defineStage, many, ports } from "@causeway/core/stage";
import { checkModels, checkpointReader, HiddenStates, loadParameters } from "@causeway/core/train";
import { counted } from "@causeway/core/words";
import { allPairs, forecastCka } from "./forecast.ts";

const config = z.strictObject({
  /** Sources whose packed sequences are the inputs of the models. */
  probes: distinct(z.array(z.string()).nonempty()),
  /** Pairs of models to compare; all pairs, including each model with itself, when not set. */
  pairs: z.array(z.tuple([z.string(), z.string()])).nonempty().optional(),
  /**
   * Estimator of HSIC: "biased" is the usual one, as in the paper; "unbiased" is HSIC₁ of Song et al., for few rows and wide
   * models.
   */
  estimator: z.enum(["biased", "unbiased"]).default("biased"),
  /**
   * Number of groups of sequences for 95% jackknife intervals, such as 10; 0 for no intervals. Intervals are computed
   * between layers of the same index and between last layers.
   */
  jackknife_groups: z.int().min(0).refine(
    (groups) => groups !== 1,
    "must be at least 2, or 0 for no intervals",
  ).default(0),
  /** Input tokens per sequence. */
  sequence_length: positive_int.default(512),
  /** Maximum number of sequences per probe, evenly spaced over all of them. */
  max_sequences: positive_int.default(64),
  /** Maximum number of sequences per forward pass. */
  micro_batch_size: positive_int.default(8),
  ...compute_fields,
});

type Config = z.output<typeof config>;

type Models = Map<string, Weights>;

export const cka = defineStage({
  name: "cka",
  version: "6",
  description: "Compares the hidden states of models, every layer with every layer, by linear CKA.",
  config,
  inputs: { models: many(ports.checkpoint), probes: many(ports.tokens) },
  outputs: { cka: ports.cka, shift: ports.final_layer_shift },
  requires: (config) => ({ compute: computeNeeds(config) }),
  forecast: forecastCka,
  async run({ config, inputs, outputs, signal, report }) {
    const compute = computeOptions(config);
    const models: Models = new Map();
    await checkModels({ probes: inputs.probes }, inputs.models);
    for (const [name, input] of Object.entries(inputs.models)) {
      const parameters = await loadParameters(checkpointReader(input));
      models.set(name, await placeWeights(parameters, compute.device));
    }
    const pairs = config.pairs ?? allPairs([...models.keys()]);
    const sets = await loadDocumentSets(inputs.probes, "probes");
    const probes = config.probes.map((probe) => {
      const sequences = evaluationSequences(findSet(sets, probe), { ...config, mode: "packed" });
      return { probe, batches: probeBatches(probe, sequences, config) };
    });
    const total = probes.reduce((sum, { batches }) => sum + batches.length, 0);
    const products = new CrossProducts(compute);
    // Models are computed side by side; fewer than threads would leave some without work.
    const shares_threads = compute.workers === "auto" && models.size < compute.threads;
    await using states = new HiddenStates(shares_threads ? { ...compute, workers: 0 } : compute);
    let done = 0;
    for (const { probe, batches } of probes) {
      const accumulator = accumulatorFor(models, pairs, config, products);
      for (const { sequences, group } of batches) {
        signal.throwIfAborted();
        const computed = await states.compute([...models.values()], sequences);
        const features = Object.fromEntries(
          [...models.keys()].map((name, i) => [name, computed[i]]),
        );
        // Each position but the last is a row. A probe of less than one sequence has a shorter one.
        const rows = sequences.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
        await accumulator.add(features, rows, group);
        report(++done, {}, total);
      }
      const shifts = [];
      for (const [a, b] of pairs) {
        const rows = layerRows(accumulator, probe, [a, b], layersOf(models.get(b)!));
        await outputs.cka.write(batchOf(ports.cka, rows));
        if (a !== b) shifts.push(shiftRow(rows));
      }
      await outputs.shift.write(batchOf(ports.final_layer_shift, shifts));
    }
    await products.release();
    models.forEach((weights) => weights.release());
  },
});

function accumulatorFor(
  models: Models,
  pairs: readonly (readonly [string, string])[],
  { estimator, jackknife_groups }: Config,
  products: CrossProducts,
): CkaAccumulator {
  return new CkaAccumulator({
    states: [...models].map(([name, model]) => ({
      name,
      layers: layersOf(model),
      width: model.config.hidden_size,
    })),
    pairs,
    estimator,
    groups: jackknife_groups,
    crossProduct: (x, y, rows) => products.compute(x, y, rows),
  });
}

/** Number of feature matrices: the embedding and each layer's output. */
function layersOf({ config }: Weights): number {
  return config.num_hidden_layers + 1;
}

/** Sequences of one forward pass, all of one jackknife group. */
interface ProbeBatch {
  readonly sequences: readonly Sequence[];
  /** Index of the group; 0 without groups. */
  readonly group: number;
}

/**
 * Divides sequences into groups, and each group into batches, whose sizes differ by at most one: every sequence is used,
 * and there is no padding.
 *
 * Neighbouring sequences, which can be parts of one document, are in different groups, so that groups resemble each other.
 *
 * @throws {Error} when there are fewer sequences than groups.
 */
export function probeBatches(
  probe: string,
  sequences: readonly Sequence[],
  { jackknife_groups, micro_batch_size }: Pick<Config, "jackknife_groups" | "micro_batch_size">,
): ProbeBatch[] {
  const groups = Math.max(1, jackknife_groups);
  if (sequences.length < groups) {
    throw new Error(
      `probe "${probe}" has only ${counted(sequences.length, "sequence")} for ${
        counted(groups, "group")
      }; lower jackknife_groups or ` +
        "sequence_length",
    );
  }
  return Array.from({ length: groups }, (_, group) => {
    const members = sequences.filter((_, place) => place % groups === group);
    const size = Math.ceil(members.length / micro_batch_size);
    return Array.from({ length: size }, (_, rank) => {
      return { group, sequences: partOf(members, { rank, size }) };
    });
  }).flat();
}

/** Rows of the `cka` table: one for each pair of layers. */
function layerRows(
  accumulator: CkaAccumulator,
  probe: string,
  [model_a, model_b]: readonly [string, string],
  layers_b: number,
) {
  const intervals = accumulator.interval(model_a, model_b);
  return Array.from(accumulator.result(model_a, model_b), (cka, i) => {
    const [layer_a, layer_b] = [Math.floor(i / layers_b), i % layers_b];
    return { probe, rows: "positions", model_a, model_b, layer_a, layer_b, cka, ...intervals[i] };
  });
}

/** The row of the `shift` table for two models, from the rows of their layers. */
function shiftRow(rows: ReturnType<typeof layerRows>) {
  const { probe, rows: kind, model_a, model_b, cka: last, ci_low, ci_high } = rows.at(-1)!;
  const same_layer = rows.filter(({ layer_a, layer_b }) => layer_a === layer_b);
  const mean_same_layer = mean(same_layer.map(({ cka }) => cka));
  const [low, high] = [ci_high, ci_low].map((bound) => bound === null ? null : 1 - bound);
  const shift = { shift: 1 - last, ci_low: low, ci_high: high };
  return { probe, rows: kind, model_a, model_b, last, mean_same_layer, ...shift };
}

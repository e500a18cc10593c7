/**
 * The cka stage: linear CKA between all layers of several models on the same probe texts. A row is a position, or the mean
 * of a text.
 *
 * @module
 */
import { z } from "zod";
import { distinct, positive_int } from "@causeway/core/config";
import { CkaAccumulator, mean, meanRows, type Rows } from "@causeway/core/analysis";
import { findSet, loadDocumentSets, type Sequence } from "@causeway/core/batches";
import { compute_fields, computeNeeds, computeOptions, CrossProducts } from "@causeway/core/engine";
import { placeWeights, type Weights } from "@causeway/core/model";
import { batchOf, defineStage, type Inputs, many, ports } from "@causeway/core/stage";
import { openTokenizer } from "@causeway/core/tokenizer";
import {
  checkModels,
  checkpointReader,
  HiddenStates,
  loadParameters,
  paddedLengths,
} from "@causeway/core/train";
import { allPairs, forecastCka } from "./forecast.ts";
import { type Block, positionBlocks, type RowKind, textBlocks } from "./probes.ts";

const config = z.strictObject({
  /** Sources whose documents are the inputs of the models. */
  probes: distinct(z.array(z.string()).nonempty()),
  /**
   * What a row of the features is. "positions": every position of packed sequences. "document_mean": the mean over the
   * positions of a text, as the authors' code has it; one of their scripts also counts the padding of its batches, which is
   * not offered. "both": first the one, then the other.
   */
  rows: z.enum(["positions", "document_mean", "both"]).default("positions"),
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
  /** Input tokens per sequence, and at most per text. */
  sequence_length: positive_int.default(512),
  /** Maximum number of sequences per probe, evenly spaced over all of them. */
  max_sequences: positive_int.default(64),
  /** Maximum number of texts per probe for "document_mean", evenly spaced over all documents. */
  max_texts: positive_int.default(1000),
  /** Words of each text, from its beginning, between white space; a shorter document counts as a whole. */
  words_per_text: positive_int.default(200),
  /** Maximum number of sequences per forward pass. */
  micro_batch_size: positive_int.default(8),
  ...compute_fields,
});

type Config = z.output<typeof config>;

type Models = Map<string, Weights>;

const input_ports = { models: many(ports.checkpoint), probes: many(ports.tokens) };

export const cka = defineStage({
  name: "cka",
  version: "6",
  description: "Compares the hidden states of models, every layer with every layer, by linear CKA.",
  config,
  inputs: input_ports,
  outputs: { cka: ports.cka, shift: ports.final_layer_shift },
  requires: (config) => ({ compute: computeNeeds(config) }),
  forecast: forecastCka,
  async run({ config, inputs, outputs, signal, report, log }) {
    const compute = computeOptions(config);
    const models: Models = new Map();
    await checkModels({ probes: inputs.probes }, inputs.models);
    for (const [name, input] of Object.entries(inputs.models)) {
      const parameters = await loadParameters(checkpointReader(input));
      models.set(name, await placeWeights(parameters, compute.device));
    }
    const pairs = config.pairs ?? allPairs([...models.keys()]);
    const probes = await probesOf(inputs, config, log);
    const total = probes.reduce((sum, { passes }) => sum + passes, 0);
    const products = new CrossProducts(compute);
    // Models are computed side by side; fewer than threads would leave some without work.
    const shares_threads = compute.workers === "auto" && models.size < compute.threads;
    await using states = new HiddenStates(shares_threads ? { ...compute, workers: 0 } : compute);
    let done = 0;
    for (const probe of probes) {
      const accumulator = accumulatorFor(models, pairs, config, products);
      for (const { group, batches } of probe.blocks) {
        const parts: Features[] = [];
        for (const sequences of batches) {
          signal.throwIfAborted();
          parts.push(await featuresOf(states, models, sequences, probe.rows, config));
          report(++done, {}, total);
        }
        const features = joined(parts);
        await accumulator.add(features.by_model, features.rows, group);
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

/** One source, and what its rows are. */
interface Probe {
  readonly probe: string;
  readonly rows: RowKind;
  readonly blocks: readonly Block[];
  /** Forward passes of all blocks. */
  readonly passes: number;
}

async function probesOf(
  inputs: Inputs<typeof input_ports>,
  config: Config,
  log: (message: string) => void,
): Promise<Probe[]> {
  const sets = await loadDocumentSets(inputs.probes, "probes");
  const kinds: RowKind[] = config.rows === "both" ? ["positions", "document_mean"] : [config.rows];
  const probes: Probe[] = [];
  for (const probe of config.probes) {
    const set = findSet(sets, probe);
    for (const rows of kinds) {
      const blocks = rows === "positions"
        ? positionBlocks(set, config)
        : textBlocks(set, config, await openTokenizer(Object.values(inputs.models)[0]), log);
      const passes = blocks.reduce((sum, { batches }) => sum + batches.length, 0);
      probes.push({ probe, rows, blocks, passes });
    }
  }
  return probes;
}

/** Rows of features: [rows, width] of each layer, by model. */
interface Features {
  readonly rows: number;
  readonly by_model: Readonly<Record<string, readonly Rows[]>>;
}

async function featuresOf(
  states: HiddenStates,
  models: Models,
  sequences: readonly Sequence[],
  kind: RowKind,
  { sequence_length }: Config,
): Promise<Features> {
  // Each token but the last is an input. A probe of less than one sequence has a shorter one.
  const lengths = sequences.map(({ tokens }) => tokens.length - 1);
  const padded = kind === "positions" ? [] : paddedLengths(sequence_length);
  const computed = await states.compute([...models.values()], sequences, padded);
  const by_model = Object.fromEntries(
    [...models].map(([name, { config }], i) => {
      const pooled = (layer: Float32Array) => meanRows(layer, lengths, config.hidden_size);
      return [name, kind === "positions" ? computed[i] : computed[i].map(pooled)];
    }),
  );
  const positions = lengths.reduce((sum, length) => sum + length, 0);
  return { rows: kind === "positions" ? positions : sequences.length, by_model };
}

/** The rows of several forward passes below each other. */
function joined(parts: readonly Features[]): Features {
  if (parts.length === 1) return parts[0];
  const by_model = Object.entries(parts[0].by_model).map(([name, layers]) => [
    name,
    layers.map((_, layer) => {
      const all = parts.map(({ by_model }) => by_model[name][layer]);
      const rows = new Float64Array(all.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const part of all) {
        rows.set(part, at);
        at += part.length;
      }
      return rows;
    }),
  ]);
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  return { rows, by_model: Object.fromEntries(by_model) };
}

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
    crossProduct: (x, y, rows) => products.compute(inFloat32(x), inFloat32(y), rows),
  });
}

/** Deviations from the mean, rounded only now. */
function inFloat32(rows: Rows): Float32Array {
  return rows instanceof Float32Array ? rows : Float32Array.from(rows);
}

/** Number of feature matrices: the embedding and each layer's output. */
function layersOf({ config }: Weights): number {
  return config.num_hidden_layers + 1;
}

/** Rows of the `cka` table: one for each pair of layers. */
function layerRows(
  accumulator: CkaAccumulator,
  { probe, rows }: Pick<Probe, "probe" | "rows">,
  [model_a, model_b]: readonly [string, string],
  layers_b: number,
) {
  const intervals = accumulator.interval(model_a, model_b);
  return Array.from(accumulator.result(model_a, model_b), (cka, i) => {
    const [layer_a, layer_b] = [Math.floor(i / layers_b), i % layers_b];
    const what = { probe, rows, model_a, model_b, layer_a, layer_b };
    return { ...what, cka, ...intervals[i] };
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

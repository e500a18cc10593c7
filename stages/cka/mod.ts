/**
 * The cka stage: linear CKA between all layers of several models on the same probe texts, every position a row.
 *
 * @module
 */
import { placeWeights, type Weights } from "../../core/model/mod.ts";
import { CkaAccumulator } from "../../core/analysis/mod.ts";
import { evaluationSequences, findSet, loadDocumentSets } from "../../core/batches/mod.ts";
import { computeOptions, CrossProducts } from "../../core/engine/mod.ts";
import { defineStage, many, ports } from "../../core/stage/mod.ts";
import { checkpointReader, HiddenStates, loadParameters } from "../../core/train/mod.ts";
import { type Config, config } from "./config.ts";
import { probeBatches } from "./probes.ts";
import { layerTable, shiftTable } from "./tables.ts";

type Models = Map<string, Weights>;

export const cka = defineStage({
  name: "cka",
  version: "3",
  description: "Compares the hidden states of models, every layer with every layer, by linear CKA.",
  config,
  inputs: { models: many(ports.checkpoint), probes: many(ports.tokens) },
  outputs: { cka: ports.cka, shift: ports.final_layer_shift },
  async run({ config, inputs, outputs, signal, report }) {
    const compute = computeOptions(config);
    const models: Models = new Map();
    for (const [name, input] of Object.entries(inputs.models)) {
      const parameters = await loadParameters(checkpointReader(input));
      models.set(name, await placeWeights(parameters, compute.device));
    }
    const pairs = config.pairs ?? allPairs([...models.keys()]);
    const sets = await loadDocumentSets(inputs.probes);
    const probes = config.probes.map((probe) => {
      const sequences = evaluationSequences(findSet(sets, probe), { ...config, mode: "packed" });
      return { probe, batches: probeBatches(probe, sequences, config) };
    });
    const total = probes.reduce((sum, { batches }) => sum + batches.length, 0);
    const products = new CrossProducts(compute);
    const states = new HiddenStates(compute);
    let done = 0;
    for (const { probe, batches } of probes) {
      const accumulator = accumulatorFor(models, pairs, config, products);
      for (const { sequences, group } of batches) {
        signal.throwIfAborted();
        const features: Record<string, Float32Array[]> = {};
        for (const [name, model] of models) features[name] = await states.compute(model, sequences);
        await accumulator.add(features, sequences.length * config.sequence_length, group);
        report(++done, {}, total);
      }
      const comparisons = pairs.map(([a, b]) => ({
        probe,
        a,
        b,
        layers: [layersOf(models.get(a)!), layersOf(models.get(b)!)] as const,
        values: accumulator.result(a, b),
        intervals: accumulator.interval(a, b),
      }));
      for (const compared of comparisons) await outputs.cka.write(layerTable(compared));
      await outputs.shift.write(shiftTable(comparisons));
    }
    await products.release();
    await states.release();
    models.forEach((weights) => weights.release());
  },
});

function allPairs(names: string[]): [string, string][] {
  return names.flatMap((a, i) => names.slice(i).map((b): [string, string] => [a, b]));
}

function accumulatorFor(
  models: Models,
  pairs: readonly (readonly [string, string])[],
  { estimator, subsamples }: Config,
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
    groups: subsamples,
    crossProduct: (x, y, rows) => products.compute(x, y, rows),
  });
}

/** The embedding and each layer's output. */
function layersOf({ config }: Weights): number {
  return config.num_hidden_layers + 1;
}

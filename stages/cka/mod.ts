/**
 * The cka stage: linear CKA between all layers of several models on the same probe texts, every position a row.
 *
 * @module
 */
import { CkaAccumulator } from "../../core/analysis/mod.ts";
import { evaluationSequences, loadDocumentSets, type Sequence } from "../../core/data/mod.ts";
import { CrossProducts } from "../../core/engine/mod.ts";
import { defineStage, many, ports } from "../../core/stage/mod.ts";
import {
  checkpointReader,
  computeOptions,
  findSet,
  HiddenStates,
  loadParameters,
  placeWeights,
  type Weights,
} from "../../core/train/mod.ts";
import { config } from "./config.ts";

type Models = Map<string, Weights>;

export const cka = defineStage({
  name: "cka",
  version: "2",
  description: "Compares the hidden states of models, every layer with every layer, by linear CKA.",
  config,
  inputs: { models: many(ports.checkpoint), probes: many(ports.tokens) },
  outputs: { cka: ports.cka },
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
      return { probe, batches: wholeBatches(sequences, config.micro_batch_size) };
    });
    const total = probes.reduce((sum, { batches }) => sum + batches.length, 0);
    const products = new CrossProducts(compute);
    const states = new HiddenStates(compute);
    let done = 0;
    for (const { probe, batches } of probes) {
      const accumulator = new CkaAccumulator({
        states: [...models].map(([name, { config: model }]) => ({
          name,
          layers: model.num_hidden_layers + 1,
          width: model.hidden_size,
        })),
        pairs,
        crossProduct: (x, y, rows) => products.compute(x, y, rows),
      });
      for (const batch of batches) {
        signal.throwIfAborted();
        const features: Record<string, Float32Array[]> = {};
        for (const [name, model] of models) features[name] = await states.compute(model, batch);
        await accumulator.add(features, batch.length * config.sequence_length);
        report(++done, {}, total);
      }
      for (const [a, b] of pairs) {
        await outputs.cka.write(layerTable(probe, a, b, models, accumulator.result(a, b)));
      }
    }
    await products.release();
    await states.release();
    models.forEach((weights) => weights.release());
  },
});

function allPairs(names: string[]): [string, string][] {
  return names.flatMap((a, i) => names.slice(i).map((b): [string, string] => [a, b]));
}

/** Batches of equal size, so that no row is padding; sequences that do not fill one are left out. */
function wholeBatches(sequences: Sequence[], micro_batch_size: number): Sequence[][] {
  const size = Math.min(micro_batch_size, sequences.length);
  return Array.from(
    { length: Math.floor(sequences.length / size) },
    (_, i) => sequences.slice(i * size, (i + 1) * size),
  );
}

function layerTable(probe: string, a: string, b: string, models: Models, values: Float64Array) {
  const layers_b = models.get(b)!.config.num_hidden_layers + 1;
  return {
    probe: Array.from(values, () => probe),
    model_a: Array.from(values, () => a),
    model_b: Array.from(values, () => b),
    layer_a: Int32Array.from(values, (_, i) => Math.floor(i / layers_b)),
    layer_b: Int32Array.from(values, (_, i) => i % layers_b),
    cka: values,
  };
}

/**
 * The activations that both sides compare: hidden states of models with random weights on random tokens. The process
 * that writes them ends before the timing starts.
 *
 * @module
 */
import { computeOptions } from "@causeway/core/engine";
import type { Sequence } from "@causeway/core/batches";
import { hostWeights, initialize, ParameterArrays } from "@causeway/core/model";
import { Random } from "@causeway/core/random";
import { HiddenStates } from "@causeway/core/train";
import type { Size } from "../shared/workload.ts";

/** Layout of the file: float32 [batches, states, layers, rows, width], row-major. */
export interface Activations {
  readonly file: string;
  readonly batches: number;
  /** Models, of equal configuration and different weights. */
  readonly states: number;
  /** The embedding and each layer's output. */
  readonly layers: number;
  /** Positions of a batch. */
  readonly rows: number;
  readonly width: number;
}

/** As many as a midtraining experiment compares: base, midtrained, and both fine-tuned. */
const STATES = 4;

/** Layout of a model's activations. */
export function describeActivations(size: Size, batches: number, file: string): Activations {
  const { num_hidden_layers, hidden_size } = size.config;
  const rows = size.rows * size.length;
  const layers = num_hidden_layers + 1;
  return { file, batches, states: STATES, layers, rows, width: hidden_size };
}

/** Writes the file. */
async function writeActivations(size: Size, { file, batches, states }: Activations): Promise<void> {
  const models = Array.from({ length: states }, (_, seed) => {
    const model = new ParameterArrays(size.config, "matrices");
    initialize(model, seed);
    return model;
  });
  await using hidden = new HiddenStates(computeOptions());
  using output = Deno.openSync(file, { write: true, create: true, truncate: true });
  for (let batch = 0; batch < batches; batch++) {
    const sequences = randomSequences(size, batch);
    const states = await hidden.compute(models.map(hostWeights), sequences);
    for (const layer of states.flat()) writeAll(output, layer);
  }
}

function randomSequences({ rows, length, config }: Size, batch: number): Sequence[] {
  const random = new Random(1, "bench/cka", batch);
  return Array.from({ length: rows }, () => ({
    tokens: Uint16Array.from({ length: length + 1 }, () => random.below(config.vocab_size)),
    loss_spans: [0, length + 1],
    source: "random",
  }));
}

function writeAll(output: Deno.FsFile, { buffer, byteOffset, byteLength }: Float32Array): void {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  for (let at = 0; at < bytes.length;) at += output.writeSync(bytes.subarray(at));
}

if (import.meta.main) await writeActivations(JSON.parse(Deno.args[0]), JSON.parse(Deno.args[1]));

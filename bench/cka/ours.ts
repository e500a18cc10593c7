/**
 * Causeway's side of the CKA benchmark: a process that computes on request.
 *
 * A pass computes CKA of every layer of every state with every other, from activations in memory.
 *
 * @module
 */
import { CkaAccumulator } from "@causeway/core/analysis";
import { CrossProducts } from "@causeway/core/engine";
import { serveRequests, timedPasses } from "../shared/processes.ts";
import type { Activations } from "./activations.ts";

let runPass: () => Promise<number[]>;

/** Features of each batch by state, as views of the file's bytes. */
function readBatches(activations: Activations): Record<string, Float32Array[]>[] {
  const { file, batches, states, layers, rows, width } = activations;
  const values = new Float32Array(Deno.readFileSync(file).buffer);
  let at = 0;
  const next = () => values.subarray(at, at += rows * width);
  return Array.from({ length: batches }, () =>
    Object.fromEntries(
      Array.from({ length: states }, (_, state) => [state, Array.from({ length: layers }, next)]),
    ));
}

await serveRequests({
  prepare({ activations, threads }: { activations: Activations; threads: number }) {
    const { states: count, layers, rows, width } = activations;
    const batches = readBatches(activations);
    const products = new CrossProducts({ threads });
    const states = Array.from({ length: count }, (_, state) => ({
      name: String(state),
      layers,
      width,
    }));
    runPass = async () => {
      const accumulator = new CkaAccumulator({
        states,
        crossProduct: (x, y, rows) => products.compute(x as Float32Array, y as Float32Array, rows),
      });
      for (const batch of batches) await accumulator.add(batch, rows);
      return states.flatMap(({ name: a }, i) =>
        states.slice(i).flatMap(({ name: b }) => [...accumulator.result(a, b)])
      );
    };
    return {};
  },

  passes: ({ count }: { count: number }) => timedPasses(count, runPass),

  /** All results: pairs of states in order, each with a row for each layer of the first. */
  values: async () => ({ values: await runPass() }),
});

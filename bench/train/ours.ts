/**
 * Causeway's side of the training benchmark: a process that computes on request.
 *
 * A pass is a whole training step: batch, forward, backward, clipping, AdamW.
 *
 * @module
 */
import { type Compute, computeOptions } from "../../core/engine/mod.ts";
import { collate, type MicroBatch, type Sequence } from "../../core/batches/mod.ts";
import type { ParameterArrays } from "../../core/model/mod.ts";
import { Evaluator, freshArrays, HostTrainer, optimizer_schema } from "../../core/train/mod.ts";
import { serveRequests } from "../shared/json_lines.ts";
import type { Size } from "../shared/sizes.ts";
import { timed } from "../shared/timed.ts";
import { benchmarkBatches, benchmarkParameters } from "../shared/workload.ts";

const LEARNING_RATE = 3e-4;

let trainer: HostTrainer;
let evaluator: Evaluator;
let nextSequences: () => Sequence[];
let toBatch: (sequences: Sequence[]) => MicroBatch[];

/** Global norm, summed in float64: float32 sums over millions of elements are too coarse for the check. */
function norm({ groups }: ParameterArrays): number {
  let sum = 0;
  for (const group of Object.values(groups)) {
    for (let i = 0; i < group.length; i++) sum += group[i] ** 2;
  }
  return Math.sqrt(sum);
}

await serveRequests({
  async prepare({ size, compute: given }: { size: Size; compute: Partial<Compute> }) {
    const batches = benchmarkBatches(size);
    nextSequences = () => batches.next().value!;
    const compute = computeOptions(given);
    const options = { micro_batch_size: size.rows, lengths: [size.length], compute };
    toBatch = (sequences) => collate(sequences, options);
    evaluator = new Evaluator(options);
    const { seconds: build_s } = await timed(() => {
      const arrays = freshArrays(benchmarkParameters(size));
      trainer = new HostTrainer(arrays, optimizer_schema.parse({}), compute);
    });
    const { seconds: first_pass_s, result } = await timed(() =>
      trainer.gradient(toBatch(nextSequences()))
    );
    const first = { loss: result.loss, grad_norm: norm(result.gradient) };
    return { build_s, first_pass_s, first };
  },

  async passes({ count }: { count: number }) {
    const seconds = [];
    for (let i = 0; i < count; i++) {
      seconds.push(
        (await timed(() => trainer.step(toBatch(nextSequences()), LEARNING_RATE))).seconds,
      );
    }
    return { seconds };
  },

  /**
   * Passes once more, timed by part; clipping belongs to the optimizer. One graph holds forward and backward, and
   * the loss head's alternate in it, so the forward pass is timed in a graph of its own, on the same batch.
   */
  async parts({ count }: { count: number }) {
    const forward: number[] = [], forward_backward: number[] = [], optimizer: number[] = [];
    await evaluator.loss(trainer.weights, nextSequences()); // compiles the graph
    for (let i = 0; i < count; i++) {
      const sequences = nextSequences();
      forward.push((await timed(() => evaluator.loss(trainer.weights, sequences))).seconds);
      const { seconds, result } = await timed(() => trainer.gradient(toBatch(sequences)));
      forward_backward.push(seconds);
      const update = await timed(() => trainer.optimizer.step(result.gradient, LEARNING_RATE));
      optimizer.push(update.seconds);
    }
    await evaluator.release();
    return { forward, forward_backward, optimizer };
  },
});

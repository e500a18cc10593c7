/**
 * Causeway's side of the training benchmark: a process that computes on request.
 *
 * A pass is a whole training step: batch, forward, backward, clipping, AdamW.
 *
 * @module
 */
import { collate, type MicroBatch } from "../../core/data/mod.ts";
import type { ParameterArrays } from "../../core/model/mod.ts";
import {
  computeOptions,
  freshArrays,
  HostTrainer,
  optimizer_schema,
} from "../../core/train/mod.ts";
import { serveRequests } from "../shared/json_lines.ts";
import type { Size } from "../shared/sizes.ts";
import { timed } from "../shared/timed.ts";
import { benchmarkBatches, benchmarkParameters } from "../shared/workload.ts";

const LEARNING_RATE = 3e-4;

let trainer: HostTrainer;
let nextBatch: () => MicroBatch[];

/** Global norm, summed in float64: float32 sums over millions of elements are too coarse for the check. */
function norm({ groups }: ParameterArrays): number {
  let sum = 0;
  for (const group of Object.values(groups)) {
    for (let i = 0; i < group.length; i++) sum += group[i] ** 2;
  }
  return Math.sqrt(sum);
}

await serveRequests({
  async prepare({ size, threads }: { size: Size; threads: number }) {
    const batches = benchmarkBatches(size);
    const options = { micro_batch_size: size.rows, lengths: [size.length], pad_id: 0 };
    nextBatch = () => collate(batches.next().value!, options);
    const { seconds: build_s } = await timed(() => {
      const arrays = freshArrays(benchmarkParameters(size));
      const compute = computeOptions({ threads });
      trainer = new HostTrainer(arrays, optimizer_schema.parse({}), compute);
    });
    const { seconds: first_pass_s, result } = await timed(() => trainer.gradient(nextBatch()));
    const first = { loss: result.loss, grad_norm: norm(result.gradient) };
    return { build_s, first_pass_s, first };
  },

  async passes({ count }: { count: number }) {
    const seconds = [];
    for (let i = 0; i < count; i++) {
      seconds.push((await timed(() => trainer.step(nextBatch(), LEARNING_RATE))).seconds);
    }
    return { seconds };
  },

  /** Passes once more, timed by part; clipping belongs to the optimizer. */
  async parts({ count }: { count: number }) {
    const forward_backward = [], optimizer = [];
    for (let i = 0; i < count; i++) {
      const { seconds, result } = await timed(() => trainer.gradient(nextBatch()));
      forward_backward.push(seconds);
      const update = await timed(() => trainer.optimizer.step(result.gradient, LEARNING_RATE));
      optimizer.push(update.seconds);
    }
    return { forward_backward, optimizer };
  },
});

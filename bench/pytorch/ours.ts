/**
 * Causeway's side of the training and evaluation benchmarks: a process that computes on request.
 *
 * A pass is a whole training step (batch, forward, backward, clipping, AdamW), or for evaluation a batch and its loss.
 *
 * @module
 */
import { collate, type Sequence, sharedSize } from "@causeway/core/batches";
import { type Compute, computeOptions, workerCount } from "@causeway/core/engine";
import { hostWeights, type ParameterArrays, parameterCount } from "@causeway/core/model";
import { Evaluator, freshArrays, HostTrainer, optimizer_schema } from "@causeway/core/train";
import type { Benchmark } from "./results.ts";
import type { Parts, Prepared } from "../shared/contest.ts";
import { serveRequests, timed, timedPasses } from "../shared/processes.ts";
import { benchmarkBatches, benchmarkParameters, type Size } from "../shared/workload.ts";

const LEARNING_RATE = 3e-4;

/** What is timed. */
interface Work {
  /** Makes model, weights and optimizer. */
  build(): void;
  /** The pass that compiles the graphs; nothing is updated. */
  firstPass(sequences: Sequence[]): Promise<Pick<Prepared, "first_pass_s" | "first">>;
  pass(sequences: Sequence[]): Promise<unknown>;
  /** Seconds of each part of further passes. */
  parts(count: number): Promise<Parts>;
}

let work: Work;
let nextSequences: () => Sequence[];

function evaluation(size: Size, compute: Compute): Work {
  let loss: (sequences: Sequence[]) => Promise<{ loss: number }>;
  return {
    build() {
      const evaluator = new Evaluator(passOptions(size, compute));
      const weights = hostWeights(benchmarkParameters(size));
      loss = (sequences) => evaluator.loss(weights, sequences);
    },
    async firstPass(sequences) {
      const { seconds, result } = await timed(() => loss(sequences));
      return { first_pass_s: seconds, first: { loss: result.loss } };
    },
    pass: (sequences) => loss(sequences),
    parts: () => Promise.resolve({}),
  };
}

function training(size: Size, compute: Compute): Work {
  const options = passOptions(size, compute);
  const evaluator = new Evaluator(options);
  const toBatch = (sequences: Sequence[]) => collate(sequences, options);
  let trainer: HostTrainer;
  return {
    build() {
      const arrays = freshArrays(benchmarkParameters(size));
      trainer = new HostTrainer(arrays, optimizer_schema.parse({}), compute);
    },
    async firstPass(sequences) {
      const { seconds, result } = await timed(() => trainer.gradient(toBatch(sequences)));
      const first = { loss: result.loss, grad_norm: norm(result.gradient) };
      return { first_pass_s: seconds, first };
    },
    pass: (sequences) => trainer.step(toBatch(sequences), LEARNING_RATE),
    /**
     * Clipping counts as part of the optimizer. One graph computes forward and backward, and in the loss head they
     * alternate, so the forward pass is timed in a separate graph on the same batch.
     */
    async parts(count) {
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
  };
}

function passOptions({ config, rows, length }: Size, compute: Compute) {
  const workers = workerCount(compute, parameterCount(config));
  return {
    micro_batch_size: sharedSize(rows, rows, Math.max(1, workers)),
    lengths: [length],
    compute,
  };
}

/** Global norm in float64: float32 sums over millions of elements are too coarse for the check. */
function norm({ groups }: ParameterArrays): number {
  let sum = 0;
  for (const group of Object.values(groups)) {
    for (let i = 0; i < group.length; i++) sum += group[i] ** 2;
  }
  return Math.sqrt(sum);
}

interface Request {
  task: Benchmark;
  size: Size;
  compute: Partial<Compute>;
}

await serveRequests({
  async prepare({ task, size, compute: given }: Request): Promise<Prepared> {
    const batches = benchmarkBatches(size), compute = computeOptions(given);
    nextSequences = () => batches.next().value!;
    work = task === "train" ? training(size, compute) : evaluation(size, compute);
    const { seconds: build_s } = await timed(work.build);
    return { build_s, ...await work.firstPass(nextSequences()) };
  },
  passes: ({ count }: { count: number }) => timedPasses(count, () => work.pass(nextSequences())),
  parts: ({ count }: { count: number }) => work.parts(count),
});
Deno.exit(0); // ends the workers as well

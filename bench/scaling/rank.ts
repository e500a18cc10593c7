/**
 * One process of the scaling benchmark, alone or under mpirun:
 *
 *     mpirun -n 2 deno run -A bench/scaling/rank.ts '{"do": "train", …}'
 *
 * Rank 0 prints the measurements as JSON.
 *
 * @module
 */
import { computeOptions } from "@causeway/core/engine";
import { isLaunched, joinGroup, type Launched } from "@causeway/core/remote/mpi";
import { collate } from "@causeway/core/batches";
import { type ParameterArrays, passFlops } from "@causeway/core/model";
import { createTrainer, freshArrays, HostTrainer, optimizer_schema } from "@causeway/core/train";
import { timed } from "../shared/processes.ts";
import { benchmarkBatches, benchmarkParameters, type Size } from "../shared/workload.ts";

/** Training steps, the same for any number of processes. */
export interface TrainWork {
  readonly do: "train";
  /** Its rows are the global batch. */
  readonly size: Size;
  readonly micro_batch_size: number;
  readonly threads: number;
  readonly shard_optimizer: boolean;
  readonly warm_up: number;
  readonly steps: number;
}

/** All-reduces only. */
export interface ReduceWork {
  readonly do: "all_reduce";
  /** Bytes of each. */
  readonly bytes: readonly number[];
  readonly repeats: number;
}

/** Optimizer updates only. */
export interface UpdateWork {
  readonly do: "update";
  readonly size: Size;
  readonly threads: number;
  readonly repeats: number;
}

export interface UpdateResult {
  readonly seconds: number;
  readonly parameters: number;
}

/** Mean seconds of a step on rank 0. */
export interface TrainResult {
  readonly seconds: number;
  /** Waiting for the slowest process. */
  readonly waiting: number;
  /** Sums of gradients, and broadcasts of new weights with a sharded optimizer. */
  readonly communication: number;
  readonly parameters: number;
  readonly flops: number;
  readonly loss: number;
}

/** Median seconds for each size. */
export type ReduceResult = readonly { readonly bytes: number; readonly seconds: number }[];

const LEARNING_RATE = 3e-4;

/** Times collectives. The first of a step sums the loss in float64; there processes wait for each other. */
class Stopwatch {
  waiting = 0;
  communication = 0;
  constructor(private readonly group: Launched) {}

  get ranks() {
    const { rank, size } = this.group;
    return {
      rank,
      size,
      allReduceSum: (data: Float32Array | Float64Array) => {
        const part = data instanceof Float64Array ? "waiting" : "communication";
        this.#timed(part, () => this.group.allReduceSum(data));
      },
      broadcast: (bytes: Uint8Array, root: number) =>
        this.#timed("communication", () => this.group.broadcast(bytes, root)),
    };
  }

  #timed(part: "waiting" | "communication", act: () => void): void {
    const start = performance.now();
    act();
    this[part] += (performance.now() - start) / 1000;
  }
}

async function train(work: TrainWork, group: Launched | undefined): Promise<TrainResult> {
  const { size, micro_batch_size, threads, shard_optimizer, warm_up, steps } = work;
  const watch = group && new Stopwatch(group);
  const ranks = watch && { ...watch.ranks, shard_optimizer };
  const parameters = benchmarkParameters(size);
  const trainer = await createTrainer(
    freshArrays(parameters),
    optimizer_schema.parse({}),
    computeOptions({ threads, workers: 0 }),
    ranks,
  );
  const batches = benchmarkBatches(size);
  const options = { micro_batch_size, lengths: [size.length] };
  const step = () => trainer.step(collate(batches.next().value!, options), LEARNING_RATE);
  for (let i = 0; i < warm_up; i++) await step();
  if (watch) watch.waiting = watch.communication = 0;
  group?.barrier();
  let loss = NaN;
  const { seconds } = await timed(async () => {
    for (let i = 0; i < steps; i++) ({ loss } = await step());
    group?.barrier();
  });
  await trainer.release();
  return {
    seconds: seconds / steps,
    waiting: (watch?.waiting ?? 0) / steps,
    communication: (watch?.communication ?? 0) / steps,
    parameters: countOf(parameters),
    flops: passFlops(size.config, size, "step"),
    loss,
  };
}

/** Seconds of the optimizer's update alone, which needs no communication. */
async function update({ size, threads, repeats }: UpdateWork): Promise<UpdateResult> {
  const parameters = benchmarkParameters(size);
  const compute = computeOptions({ threads, workers: 0 });
  const trainer = new HostTrainer(freshArrays(parameters), optimizer_schema.parse({}), compute);
  const [batch] = [benchmarkBatches({ ...size, rows: 1 }).next().value!];
  const options = { micro_batch_size: 1, lengths: [size.length] };
  const { gradient } = await trainer.gradient(collate(batch, options));
  const seconds: number[] = [];
  for (let i = 0; i < repeats + 1; i++) {
    seconds.push((await timed(() => trainer.optimizer.step(gradient, LEARNING_RATE))).seconds);
  }
  await trainer.release();
  return { seconds: median(seconds.slice(1)), parameters: countOf(parameters) };
}

const countOf = ({ groups }: ParameterArrays) =>
  Object.values(groups).reduce((sum, { length }) => sum + length, 0);

function allReduce({ bytes, repeats }: ReduceWork, group: Launched): ReduceResult {
  return bytes.map((bytes) => {
    const data = new Float32Array(bytes / 4);
    const seconds: number[] = [];
    for (let i = 0; i < repeats + 1; i++) {
      group.barrier();
      const start = performance.now();
      group.allReduceSum(data);
      seconds.push((performance.now() - start) / 1000);
    }
    return { bytes, seconds: median(seconds.slice(1)) };
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

if (import.meta.main) {
  const work: TrainWork | ReduceWork | UpdateWork = JSON.parse(Deno.args[0]);
  const group = isLaunched() ? joinGroup() : undefined;
  const result = work.do === "train"
    ? await train(work, group)
    : work.do === "update"
    ? await update(work)
    : allReduce(work, group!);
  if ((group?.rank ?? 0) === 0) console.log(JSON.stringify(result));
  group?.finalize();
}

/**
 * `deno task bench:scaling`: training on 1, 2 and 4 processes of this machine, compared with the estimates.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Cluster } from "@causeway/core/cli/plan";
import { choices, command, count, parseFlags } from "../shared/command.ts";
import { LAUNCHERS, mpirun } from "./mpirun.ts";
import { processor } from "../shared/machine.ts";
import {
  fixed,
  markdownTable,
  milliseconds,
  percent,
  rounded,
  spread,
  withRange,
} from "../shared/measurements.ts";
import { type Size, SIZES } from "../shared/workload.ts";
import { clusterOf, fitLink, predicted } from "./fit.ts";
import type { ReduceResult, TrainResult, TrainWork, UpdateResult } from "./rank.ts";

const HELP = `Training on 1, 2 and 4 processes of this machine, with the same global batch.

Usage: deno task bench:scaling [options]

  --model NAME   ${SIZES.map(({ name }) => name).join(", ")} (default: mini)
  --rows N       sequences of a global batch (default: 16)
  --micro N      sequences of a micro-batch (default: 4)
  --steps N      timed steps in each round (default: 20)
  --rounds N     rounds; each runs all configurations (default: 3)
  --write FILE   write the measurements as a cluster file, for deno task plan --cluster
  --help         show this help

Needs mpirun. More processes than cores share the cores.`;

const RANK = fileURLToPath(new URL("rank.ts", import.meta.url));
const SUM_BYTES = [4096, 65536, 2 ** 20, 2 ** 24, 2 ** 26, 2 ** 28];

/** A way to train: processes, threads of each, and whether they share the optimizer's work. */
interface Way {
  readonly name: string;
  readonly processes: number;
  readonly threads: number;
  readonly shard_optimizer: boolean;
}

const way = (processes: number, threads = 1, shard_optimizer = false): Way => {
  const what = processes === 1 ? "1 process" : `${processes} processes`;
  const how = threads === 1 ? "" : `, ${threads} threads`;
  const name = what + how + (shard_optimizer ? ", sharded optimizer" : "");
  return { name, processes, threads, shard_optimizer };
};
const WAYS = [way(1), way(1, 2), way(2), way(2, 1, true), way(4), way(4, 1, true)];

interface Settings {
  readonly size: Size;
  readonly micro_batch_size: number;
  readonly steps: number;
  readonly rounds: number;
}

interface Measured {
  /** A result of each round, by way. */
  readonly training: ReadonlyMap<Way, readonly TrainResult[]>;
  /** By number of processes. */
  readonly sums: ReadonlyMap<number, ReduceResult>;
  readonly update: UpdateResult;
}

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "scaling", {
    ...{ model: "mini", rows: "16", micro: "4", steps: "20", rounds: "3", write: undefined },
  });
  if (flags === undefined) return console.log(HELP), 0;
  const [name] = choices("model", flags.model!, SIZES.map(({ name }) => name));
  const settings = {
    size: { ...SIZES.find((size) => size.name === name)!, rows: count("rows", flags.rows!) },
    micro_batch_size: count("micro", flags.micro!),
    steps: count("steps", flags.steps!),
    rounds: count("rounds", flags.rounds!),
  };
  if (LAUNCHERS.length === 0) throw new Error("mpirun not found; install Open MPI or MPICH");
  const load = Deno.loadavg()[0];
  const measured = await measureAll(settings);
  const cluster = describeCluster(settings.size, measured);
  report(settings, measured, cluster, load);
  if (flags.write) await Deno.writeTextFile(flags.write, JSON.stringify(cluster, null, 2) + "\n");
  return 0;
}

async function measureAll(settings: Settings): Promise<Measured> {
  const { size, micro_batch_size, steps, rounds } = settings;
  const training = new Map(WAYS.map((way): [Way, TrainResult[]] => [way, []]));
  for (let round = 0; round < rounds; round++) {
    for (const way of round % 2 === 0 ? WAYS : WAYS.toReversed()) {
      const { processes, threads, shard_optimizer } = way;
      const work: TrainWork = {
        ...{ do: "train", size, micro_batch_size, threads, shard_optimizer },
        ...{ warm_up: 2, steps },
      };
      training.get(way)!.push(await measure<TrainResult>(processes, work));
    }
  }
  const sums = new Map<number, ReduceResult>();
  for (const processes of [2, 4]) {
    const work = { do: "all_reduce", bytes: SUM_BYTES, repeats: 7 };
    sums.set(processes, await measure<ReduceResult>(processes, work));
  }
  const update = await measure<UpdateResult>(1, { do: "update", size, threads: 1, repeats: 9 });
  return { training, sums, update };
}

async function measure<T>(processes: number, work: object): Promise<T> {
  const args = [JSON.stringify(work)];
  const { code, out, err } = processes === 1
    ? await alone(args)
    : await mpirun(LAUNCHERS[0], processes, RANK, args);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out.trim().split("\n").at(-1)!);
}

async function alone(args: readonly string[]) {
  const command = ["run", "--no-prompt", "-A", RANK, ...args];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: command })
    .output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

function describeCluster(size: Size, { training, sums, update }: Measured): Cluster {
  const cores = navigator.hardwareConcurrency;
  return clusterOf({
    ...{ alone: medianOf(training.get(WAYS[0])!), update, link: fitLink(sums.get(2)!, 2), cores },
    memory_bytes: Deno.systemMemoryInfo().total,
    basis: `measured by bench:scaling with ${size.name} on ${processor()}, ${cores} cores`,
  });
}

function report(settings: Settings, measured: Measured, cluster: Cluster, load: number): void {
  const { size, micro_batch_size, rounds } = settings, { training, sums, update } = measured;
  const one = medianOf(training.get(WAYS[0])!);
  console.log(
    `${size.name}, ${rounded(one.parameters)} parameters, ${size.rows} sequences of ` +
      `${size.length} tokens in micro-batches of ${micro_batch_size}; ${processor()}, ` +
      `${navigator.hardwareConcurrency} cores, load ${fixed(load, 2)} before; ` +
      `medians of ${rounds} rounds\n`,
  );
  const headings = [
    ...["configuration", "tokens/s", "speed-up", "efficiency on the cores"],
    ...["communication ms, share", "waiting ms", "step ms", "estimated ms", "error"],
  ];
  const rows = WAYS.map((way) => trainingRow(way, settings, training, cluster));
  console.log(markdownTable(headings, rows));
  const sum_rows = SUM_BYTES.map((bytes, i) => [
    `${bytes / 1024} KiB`,
    ...[2, 4].map((processes) => fixed(1000 * sums.get(processes)![i].seconds, 3)),
  ]);
  console.log("\n" + markdownTable(["sum of", "2 processes, ms", "4 processes, ms"], sum_rows));
  const { bytes_per_second, latency_s } = cluster.links.within_node;
  console.log(
    `\nlink: ${fixed(bytes_per_second / 1e9, 2)} GB/s, ${fixed(1e6 * latency_s, 1)} µs; ` +
      `one process: ${fixed(one.flops / one.seconds / 1e9, 1)} GFLOP/s, update ` +
      `${milliseconds(update.seconds)} ms`,
  );
}

function trainingRow(
  way: Way,
  { size, micro_batch_size }: Settings,
  training: Measured["training"],
  cluster: Cluster,
): string[] {
  const { processes, threads, shard_optimizer } = way;
  const one = training.get(WAYS[0])!, results = training.get(way)!;
  const { seconds, waiting, communication } = medianOf(results);
  const speed_up = spread(results.map((result, i) => one[i].seconds / result.seconds));
  const cores = Math.min(navigator.hardwareConcurrency, processes * threads);
  const micro_batches = size.rows / micro_batch_size;
  const estimate = threads === 1
    ? predicted(cluster, medianOf(one), micro_batches, processes, shard_optimizer)
    : undefined;
  return [
    way.name,
    rounded(size.rows * size.length / seconds),
    withRange(speed_up, 2),
    percent(speed_up.median / cores),
    `${milliseconds(communication)}, ${fixed(100 * communication / seconds, 1)}%`,
    milliseconds(waiting),
    milliseconds(seconds),
    milliseconds(estimate),
    estimate === undefined ? "–" : `${fixed(100 * (estimate / seconds - 1), 1)}%`,
  ];
}

/** The result with the median time. */
function medianOf(results: readonly TrainResult[]): TrainResult {
  return [...results].sort((a, b) => a.seconds - b.seconds)[results.length >> 1];
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));

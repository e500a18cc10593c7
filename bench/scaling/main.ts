/**
 * `deno task bench:scaling`: training on 1, 2 and 4 processes of this machine, and how well an estimate foretells it.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";
import { LAUNCHERS, mpirun } from "./mpirun.ts";
import { processor } from "../shared/machine.ts";
import {
  fixed,
  markdownTable,
  milliseconds,
  percent,
  rounded,
  spread,
} from "../shared/measurements.ts";
import { SIZES } from "../shared/workload.ts";
import { clusterOf, fitLink, predicted } from "./fit.ts";
import type { ReduceResult, TrainResult, TrainWork, UpdateResult } from "./rank.ts";

const HELP = `Training on 1, 2 and 4 processes of this machine, with the same global batch.

Usage: deno task bench:scaling [options]

  --model NAME   ${SIZES.map(({ name }) => name).join(", ")} (default: mini)
  --rows N       sequences of a global batch (default: 16)
  --micro N      sequences of a micro-batch (default: 4)
  --steps N      steps that are timed, in each round (default: 20)
  --rounds N     rounds, in each of which all ways take turns (default: 3)
  --write FILE   write what was measured as a cluster file, for deno task plan --cluster
  --help         print this

Needs mpirun. Where there are more processes than cores, they take turns on them.`;

const RANK = fileURLToPath(new URL("rank.ts", import.meta.url));
const SUM_BYTES = [4096, 65536, 2 ** 20, 2 ** 24, 2 ** 26, 2 ** 28];

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

async function main(args: readonly string[]): Promise<void> {
  const flags = parseArgs(args, {
    string: ["model", "rows", "micro", "steps", "rounds", "write"],
    boolean: ["help"],
    default: { model: "mini", rows: "16", micro: "4", steps: "20", rounds: "3" },
  });
  if (flags.help) return console.log(HELP);
  const found = SIZES.find(({ name }) => name === flags.model);
  if (!found) throw new Error(`there is no model ${flags.model}`);
  if (LAUNCHERS.length === 0) throw new Error("there is no mpirun here");
  const size = { ...found, rows: Number(flags.rows) };
  const micro_batch_size = Number(flags.micro), micro_batches = size.rows / micro_batch_size;
  const load = Deno.loadavg()[0];

  const results = new Map(WAYS.map((way): [Way, TrainResult[]] => [way, []]));
  for (let round = 0; round < Number(flags.rounds); round++) {
    const order = round % 2 === 0 ? WAYS : WAYS.toReversed();
    for (const way of order) {
      const { processes, threads, shard_optimizer } = way;
      const work: TrainWork = {
        ...{ do: "train", size, micro_batch_size, threads, shard_optimizer },
        ...{ warm_up: 2, steps: Number(flags.steps) },
      };
      results.get(way)!.push(await measure<TrainResult>(processes, work));
    }
  }
  const sums = new Map<number, ReduceResult>();
  for (const processes of [2, 4]) {
    const work = { do: "all_reduce", bytes: SUM_BYTES, repeats: 7 };
    sums.set(processes, await measure<ReduceResult>(processes, work));
  }
  const update = await measure<UpdateResult>(1, { do: "update", size, threads: 1, repeats: 9 });

  const cores = navigator.hardwareConcurrency;
  const one = medianOf(results.get(WAYS[0])!);
  const cluster = clusterOf({
    ...{ alone: one, update, link: fitLink(sums.get(2)!, 2), cores },
    memory_bytes: Deno.systemMemoryInfo().total,
    basis: `measured by bench:scaling with ${size.name} on ${processor()}, ${cores} cores`,
  });
  const rows = WAYS.map((way) => {
    const all = results.get(way)!, { seconds, waiting, communication } = medianOf(all);
    const ratios = spread(
      all.map((result, i) => results.get(WAYS[0])![i].seconds / result.seconds),
    );
    const guess = way.threads === 1
      ? predicted(cluster, one, micro_batches, way.processes, way.shard_optimizer)
      : undefined;
    return [
      way.name,
      rounded(size.rows * size.length / seconds),
      `${fixed(ratios.median, 2)} (${fixed(ratios.min, 2)}–${fixed(ratios.max, 2)})`,
      percent(ratios.median / Math.min(cores, way.processes * way.threads)),
      `${milliseconds(communication)}, ${fixed(100 * communication / seconds, 1)}%`,
      milliseconds(waiting),
      milliseconds(seconds),
      milliseconds(guess),
      guess === undefined ? "–" : `${fixed(100 * (guess / seconds - 1), 1)}%`,
    ];
  });
  const { parameters } = one;
  console.log(
    `${size.name}, ${rounded(parameters)} parameters, ${size.rows} sequences of ` +
      `${size.length} tokens in micro-batches of ${micro_batch_size}; ${processor()}, ${cores} cores, ` +
      `load ${fixed(load, 2)} before; medians of ${flags.rounds} rounds\n`,
  );
  console.log(markdownTable(
    [
      ...["way", "tokens/s", "speed-up", "efficiency on the cores", "communication ms, share"],
      ...["waiting ms", "step ms", "estimated ms", "error"],
    ],
    rows,
  ));
  console.log(
    "\n" + markdownTable(
      ["sum of", "2 processes, ms", "4 processes, ms"],
      SUM_BYTES.map((bytes, i) => [
        `${bytes / 1024} KiB`,
        ...[2, 4].map((processes) => fixed(1000 * sums.get(processes)![i].seconds, 3)),
      ]),
    ),
  );
  const { bytes_per_second, latency_s } = cluster.links.within_node;
  console.log(
    `\nlink: ${fixed(bytes_per_second / 1e9, 2)} GB/s, ${fixed(1e6 * latency_s, 1)} µs; ` +
      `one process: ${fixed(one.flops / one.seconds / 1e9, 1)} GFLOP/s, update ` +
      `${milliseconds(update.seconds)} ms`,
  );
  if (flags.write) await Deno.writeTextFile(flags.write, JSON.stringify(cluster, null, 2) + "\n");
}

/** The result whose time is the median. */
function medianOf(results: readonly TrainResult[]): TrainResult {
  return [...results].sort((a, b) => a.seconds - b.seconds)[results.length >> 1];
}

if (import.meta.main) await main(Deno.args);

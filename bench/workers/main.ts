/**
 * `deno task bench:workers`: whole micro-batches in workers against the threads of one session.
 *
 * @module
 */
import { collate, sharedSize } from "@causeway/core/batches";
import { computeOptions } from "@causeway/core/engine";
import { Evaluator, freshArrays, HostTrainer, optimizer_schema } from "@causeway/core/train";
import { choices, command, count, parseFlags, saveResults } from "../shared/command.ts";
import { startBusy } from "../shared/processes.ts";
import { fixed, markdownTable, rounded, spread, withRange } from "../shared/measurements.ts";
import { benchmarkBatches, benchmarkParameters, type Size, SIZES } from "../shared/workload.ts";

const HELP = `Training steps and losses, by workers and by the threads of one session.

Usage: deno task bench:workers [options]

  --sizes A,B         models (default: mini,small,pythia-14m,pythia-70m)
  --precisions A,B    float32, bfloat16 (default: float32; bfloat16 needs oneDNN)
  --threads N         threads of the session (default: 2)
  --workers N         workers (default: 2)
  --rounds N          alternating rounds (default: 7)
  --steps-per-round N steps per turn (default: a few seconds' worth)
  --busy N            other programs that compute all the time, each on one core (default: 0)
  --out FILE          JSON file for the results, a .md of the same name beside it
                      (default: out/bench/workers.json)
  --help              show this help

Both ways train on the same sequences; workers have micro-batches of a part of them. The ratio is the speed of workers
over that of threads in neighbouring turns.`;

const PRECISIONS = ["float32", "bfloat16"] as const;
type Precision = typeof PRECISIONS[number];
const LEARNING_RATE = 1e-4;
/** Between turns, so that threads go idle. */
const REST_MS = 200;

interface Settings {
  readonly threads: number;
  readonly workers: number;
  readonly rounds: number;
  readonly busy: number;
  readonly steps?: number;
}

interface Result {
  readonly size: string;
  readonly precision: Precision;
  readonly what: "step" | "loss";
  /** Seconds of a pass in each round. */
  readonly threads_s: number[];
  readonly workers_s: number[];
  readonly tokens: number;
}

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "workers", {
    sizes: "mini,small,pythia-14m,pythia-70m",
    precisions: "float32",
    threads: "2",
    workers: "2",
    rounds: "7",
    "steps-per-round": undefined,
    busy: "0",
    out: "out/bench/workers.json",
  });
  if (flags === undefined) return console.log(HELP), 0;
  const steps = flags["steps-per-round"];
  const settings: Settings = {
    threads: count("threads", flags.threads!),
    workers: count("workers", flags.workers!),
    rounds: count("rounds", flags.rounds!),
    busy: flags.busy === "0" ? 0 : count("busy", flags.busy!),
    ...(steps !== undefined && { steps: count("steps-per-round", steps) }),
  };
  const names = choices("sizes", flags.sizes!, SIZES.map(({ name }) => name));
  const others = Array.from({ length: settings.busy }, startBusy);
  const results: Result[] = [];
  try {
    for (const size of SIZES.filter(({ name }) => names.includes(name))) {
      for (const precision of choices("precisions", flags.precisions!, PRECISIONS)) {
        results.push(...await compare(size, precision, settings));
        console.error(renderTable(results.slice(-2), settings));
      }
    }
  } finally {
    for (const other of others) other.kill();
  }
  saveResults(flags.out!, { settings, results }, renderTable(results, settings));
  return 0;
}

async function compare(size: Size, precision: Precision, settings: Settings): Promise<Result[]> {
  const { threads, workers, rounds, steps = size.steps } = settings;
  const ways = [startWay(size, precision, threads, 0), startWay(size, precision, threads, workers)];
  const step: number[][] = [[], []], loss: number[][] = [[], []];
  for (const way of ways) await way.step().then(way.loss);
  for (let round = 0; round < rounds; round++) {
    for (const [i, way] of ways.entries()) {
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      step[i].push(await secondsOf(steps, way.step));
      loss[i].push(await secondsOf(steps, way.loss));
    }
  }
  for (const way of ways) await way.trainer.release();
  const same = { size: size.name, precision, tokens: size.rows * size.length };
  return [
    { ...same, what: "step", threads_s: step[0], workers_s: step[1] },
    { ...same, what: "loss", threads_s: loss[0], workers_s: loss[1] },
  ];
}

function startWay(size: Size, precision: Precision, threads: number, workers: number) {
  const compute = computeOptions({ threads, workers, precision });
  const micro_batch_size = sharedSize(size.rows, size.rows, Math.max(1, workers));
  const options = { micro_batch_size, lengths: [size.length], compute };
  const arrays = freshArrays(benchmarkParameters(size));
  const trainer = new HostTrainer(arrays, optimizer_schema.parse({}), compute);
  const evaluator = new Evaluator(options, trainer.pool);
  const batches = benchmarkBatches(size);
  return {
    trainer,
    step: () => trainer.step(collate(batches.next().value!, options), LEARNING_RATE),
    loss: () => evaluator.loss(trainer.weights, batches.next().value!),
  };
}

/** Seconds of a pass, the mean of several. */
async function secondsOf(count: number, pass: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < count; i++) await pass();
  return (performance.now() - start) / 1000 / count;
}

function renderTable(results: readonly Result[], settings: Settings): string {
  const { threads, workers, busy } = settings;
  const headings = [
    ...["model", "precision", "pass", "workers", "beside"],
    ...[`${threads} threads, tokens/s`, "workers, tokens/s", "threads, ms", "workers, ms", "ratio"],
  ];
  const beside = busy === 0 ? "nothing" : `${busy} busy`;
  const rows = results.map(({ size, precision, what, threads_s, workers_s, tokens }) => {
    const [by_threads, by_workers] = [threads_s, workers_s].map((s) => spread(s).median);
    return [
      ...[size, precision, what, String(workers), beside],
      ...[rounded(tokens / by_threads), rounded(tokens / by_workers)],
      ...[fixed(1000 * by_threads, 0), fixed(1000 * by_workers, 0)],
      withRange(spread(threads_s.map((seconds, i) => seconds / workers_s[i])), 2),
    ];
  });
  return markdownTable(headings, rows, 5) + "\n";
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));

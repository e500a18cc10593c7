/**
 * `deno task bench:cka`: CKA between model states, Causeway against NumPy on the same activations.
 *
 * @module
 */
import { choices, command, count, parseFlags, Progress, saveResults } from "../shared/command.ts";
import { playQuietRounds, playTurns } from "../shared/contest.ts";
import { describeMachine, findPython } from "../shared/machine.ts";
import {
  describeQuiet,
  fixed,
  gigabytes,
  markdownTable,
  speedRatio,
  spread,
  type Turns,
  withRange,
} from "../shared/measurements.ts";
import { Child, peakMemory, resetPeakMemory, runModule } from "../shared/processes.ts";
import { type Size, SIZES } from "../shared/workload.ts";
import { type Activations, describeActivations } from "./activations.ts";

const HELP = `CKA speed and agreement against NumPy.

Usage: deno task bench:cka [options]

  --sizes A,B    models (default: mini,small,pythia-70m)
  --batches N    batches of activations (default: 8)
  --rounds N     alternating rounds (default: 7)
  --threads N    threads of each side (default: 2)
  --out FILE     JSON file for the results, a .md of the same name beside it
                 (default: out/bench/cka.json)
  --python PATH  a Python that has the packages (default: .venv, made if missing)
  --help         show this help

Compares every layer of four model states with every other, from activations in memory.`;

interface Settings {
  readonly batches: number;
  readonly rounds: number;
  readonly threads: number;
}

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "cka", {
    sizes: "mini,small,pythia-70m",
    batches: "8",
    rounds: "7",
    threads: "2",
    out: "out/bench/cka.json",
    python: undefined,
  });
  if (flags === undefined) return console.log(HELP), 0;
  const names = choices("sizes", flags.sizes!, SIZES.map(({ name }) => name));
  const sizes = SIZES.filter(({ name }) => names.includes(name));
  const settings = {
    batches: count("batches", flags.batches!),
    rounds: count("rounds", flags.rounds!),
    threads: count("threads", flags.threads!),
  };
  const progress = new Progress(sizes.reduce((sum, size) => sum + work(size), 0));
  const python = await findPython(flags.python, (line) => progress.say(line));
  const machine = await describeMachine(python);
  const results: CkaResult[] = [];
  for (const size of sizes) {
    results.push(await runSize(size, python, settings, progress));
    progress.add(work(size));
  }
  const report = renderReport(results, machine, settings);
  saveResults(flags.out!, { machine, settings, results }, report);
  console.log(report);
  return 0;
}

/** Relative cost of a model, for the time left: products of W x W over all rows for K² / 2 pairs of layers. */
function work({ config, rows, length }: Size): number {
  return rows * length * (config.hidden_size * (config.num_hidden_layers + 1)) ** 2;
}

async function runSize(
  size: Size,
  python: string,
  settings: Settings,
  progress: Progress,
): Promise<CkaResult> {
  const file = await Deno.makeTempFile({ prefix: "bench_" });
  try {
    const activations = describeActivations(size, settings.batches, file);
    progress.say(`${size.name}: activations`);
    await runModule(new URL("activations.ts", import.meta.url), size, activations);
    progress.say(`${size.name}: ${settings.rounds} rounds`);
    return { size: size.name, activations, ...await compare(activations, python, settings) };
  } finally {
    await Deno.remove(file);
  }
}

async function compare(activations: Activations, python: string, { rounds, threads }: Settings) {
  const { child: ours } = await Child.startModule("Causeway", new URL("ours.ts", import.meta.url));
  const env = {
    PYTHONDONTWRITEBYTECODE: "1",
    OPENBLAS_NUM_THREADS: String(threads),
    OMP_NUM_THREADS: String(threads),
  };
  const script = `${import.meta.dirname}/numpy_peer.py`;
  const { child: theirs } = await Child.start("NumPy", python, [script], env);
  await ours.request({ do: "prepare", activations, threads });
  const { values } = await ours.request({ do: "values" });
  const { algorithm } = await theirs.request({ do: "prepare", activations });
  for (const { pid } of [ours, theirs]) resetPeakMemory(pid);
  const { rounds: turns, repeated } = await playQuietRounds(
    rounds,
    () => playTurns(ours, theirs, 1),
  );
  const peaks = { ours: peakMemory(ours.pid), theirs: peakMemory(theirs.pid) };
  const exact = await theirs.request({ do: "values", precision: "float64" });
  const single = await theirs.request({ do: "values", precision: "float32" });
  const result = {
    algorithm: algorithm as string,
    turns,
    repeated,
    peaks,
    values: values.length as number,
    difference: largestDifference(values, exact.values),
    difference_of_theirs: largestDifference(single.values, exact.values),
  };
  await Promise.all([ours.stop(), theirs.stop()]);
  return result;
}

export interface CkaResult {
  readonly size: string;
  readonly activations: Activations;
  /** The faster algorithm of NumPy. */
  readonly algorithm: string;
  readonly turns: readonly Turns[];
  /** Rounds that were repeated because the machine was not quiet. */
  readonly repeated: number;
  /** Largest resident memory during the rounds, in bytes, with the activations. */
  readonly peaks: { readonly ours?: number; readonly theirs?: number };
  /** CKA values compared. */
  readonly values: number;
  /** Largest difference from NumPy in float64 of Causeway, and of NumPy in float32. */
  readonly difference: number;
  readonly difference_of_theirs: number;
}

/** Largest |a_i - b_i|. @throws {Error} if the lengths differ. */
export function largestDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) {
    throw new Error(`Causeway has ${a.length} CKA values, NumPy ${b.length}`);
  }
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}

export function renderReport(
  results: readonly CkaResult[],
  machine: Readonly<Record<string, string | number>>,
  { batches, rounds, threads }: { batches: number; rounds: number; threads: number },
): string {
  const headings = [
    "model",
    "NumPy",
    "ratio",
    "Causeway, s",
    "NumPy, s",
    "largest difference",
    "of NumPy float32",
    "Causeway's peak memory, GB",
    "NumPy's",
  ];
  const rows = results.map((result) => [
    result.size,
    result.algorithm,
    withRange(speedRatio(result.turns), 2),
    fixed(spread(result.turns.map(({ ours_s }) => ours_s)).median, 2),
    fixed(spread(result.turns.map(({ theirs_s }) => theirs_s)).median, 2),
    result.difference.toExponential(1),
    result.difference_of_theirs.toExponential(1),
    gigabytes(result.peaks.ours),
    gigabytes(result.peaks.theirs),
  ]);
  return [
    "# CKA speed against NumPy",
    `${machine.date}, ${machine.processor}, ${machine.cores} cores, ${threads} threads for each side. Deno ` +
    `${machine.deno}, ONNX Runtime ${machine.onnxruntime}, NumPy ${machine.numpy}. ${batches} batches of ` +
    `activations, ${rounds} alternating rounds; median, with minimum and maximum in parentheses. ` +
    describeQuiet(
      results.flatMap(({ turns }) => turns),
      results.reduce((sum, { repeated }) => sum + repeated, 0),
    ),
    markdownTable(headings, rows, 2),
    "The ratio is Causeway's speed over NumPy's, both in float32 from activations in memory, which the peak " +
    "memory includes. NumPy computes pair by pair, or all layers at once in one symmetric product, " +
    "whichever is faster. Differences are of CKA values from NumPy's in float64.",
  ].join("\n\n") + "\n";
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));

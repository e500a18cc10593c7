/**
 * `deno task bench:cka`: CKA among model states, Causeway against NumPy on equal activations.
 *
 * @module
 */
import { choices, command, count, parseFlags, Progress, saveResults } from "../shared/command.ts";
import { playQuietRounds, playTurns } from "../shared/contest.ts";
import { describeMachine, findPython } from "../shared/machine.ts";
import { Child, peakMemory, resetPeakMemory, runModule } from "../shared/processes.ts";
import { type Size, SIZES } from "../shared/workload.ts";
import { type Activations, describeActivations } from "./activations.ts";
import { type CkaResult, largestDifference, renderReport } from "./report.ts";

const HELP = `CKA speed and agreement against NumPy.

Usage: deno task bench:cka [options]

  --sizes A,B    models (default: mini,small,pythia-70m)
  --batches N    batches of activations (default: 8)
  --rounds N     alternating rounds (default: 7)
  --threads N    threads of each side (default: 2)
  --out FILE     JSON file for the results, a .md of the same name beside it
                 (default: out/bench/cka.json)
  --python PATH  a Python with the packages, instead of making one in .venv
  --help         print this

Every layer of four model states is compared with every other, from activations in memory.`;

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

/** Relative cost of a size, for the time left: products of W x W over all rows for K² / 2 pairs of layers. */
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

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));

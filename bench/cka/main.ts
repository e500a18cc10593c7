/**
 * `deno task bench:cka`: CKA among model states, Causeway against NumPy on equal activations.
 *
 * @module
 */
import { Child } from "../shared/child.ts";
import { command, writeResults } from "../shared/command.ts";
import { playTurns } from "../shared/contest.ts";
import { describeMachine } from "../shared/machine.ts";
import { choices, count, parseFlags } from "../shared/options.ts";
import { peakMemory } from "../shared/process_stats.ts";
import { Progress } from "../shared/progress.ts";
import { findPython } from "../shared/python.ts";
import { type Size, SIZES } from "../shared/sizes.ts";
import { speedRatio } from "../shared/statistics.ts";
import { describeActivations } from "./activations.ts";
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
  writeResults(
    flags.out!,
    { machine, settings, results },
    renderReport(results, machine, settings),
  );
  return 0;
}

/** Relative cost of a size, for the time left: products of W x W over all rows for K² / 2 pairs of layers. */
function work({ config, rows, length }: Size): number {
  return rows * length * (config.hidden_size * (config.num_hidden_layers + 1)) ** 2;
}

async function runSize(
  size: Size,
  python: string,
  { batches, rounds, threads }: Settings,
  progress: Progress,
): Promise<CkaResult> {
  const file = await Deno.makeTempFile({ prefix: "bench_" });
  try {
    const activations = describeActivations(size, batches, file);
    progress.say(`${size.name}: activations`);
    await writeActivations(size, activations);
    const { child: ours } = await Child.startModule("ours", new URL("ours.ts", import.meta.url));
    const env = { OPENBLAS_NUM_THREADS: String(threads), OMP_NUM_THREADS: String(threads) };
    const script = `${import.meta.dirname}/numpy_peer.py`;
    const { child: theirs } = await Child.start("NumPy", python, [script], env);
    await ours.request({ do: "prepare", activations, threads });
    const { values } = await ours.request({ do: "values" });
    const { algorithm } = await theirs.request({ do: "prepare", activations });
    const turns = [];
    for (let round = 1; round <= rounds; round++) {
      turns.push(await playTurns(ours, theirs, 1));
      const ratio = speedRatio(turns).median.toFixed(2);
      progress.say(`${size.name}: round ${round} of ${rounds}, ratio so far ${ratio}`);
    }
    const peaks = { ours: peakMemory(ours.pid), theirs: peakMemory(theirs.pid) };
    const numpy = async (precision: string) =>
      (await theirs.request({ do: "values", precision })).values as number[];
    const exact = await numpy("float64"), single = await numpy("float32");
    await Promise.all([ours.stop(), theirs.stop()]);
    return {
      size: size.name,
      activations,
      algorithm,
      turns,
      peaks,
      values: values.length,
      difference: largestDifference(values, exact),
      difference_of_theirs: largestDifference(single, exact),
    };
  } finally {
    await Deno.remove(file);
  }
}

async function writeActivations(size: Size, activations: unknown): Promise<void> {
  const module = new URL("activations.ts", import.meta.url).href;
  const data = [size, activations].map((argument) => JSON.stringify(argument));
  const args = ["run", "--no-prompt", "-A", module, ...data];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(`no activations: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));

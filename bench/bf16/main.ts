/**
 * `deno task bench:bf16`: what a training step would gain if oneDNN computed its matrix products in bfloat16.
 *
 * ONNX Runtime's CPU kernels have no bfloat16. oneDNN's use the processor's (AVX512_BF16 or AMX), and a shared
 * library of it can be called from here. Products of the actual shapes are timed in both, and whole steps.
 *
 * @module
 */
import { Child } from "../shared/child.ts";
import { command, saveResults } from "../shared/command.ts";
import { processor } from "../shared/machine.ts";
import { choices, count, parseFlags } from "../shared/options.ts";
import { findPython, run } from "../shared/python.ts";
import { type Size, SIZES } from "../shared/sizes.ts";
import { Dnnl } from "./dnnl.ts";
import { timeConversions, timeProduct } from "./measure.ts";
import { linearLayers } from "./products.ts";
import { type Bf16Result, renderBf16 } from "./report.ts";

const HELP = `What a training step would gain from matrix products in bfloat16 by oneDNN.

Usage: deno task bench:bf16 [options]

  --sizes A,B   models (default: pythia-70m,pythia-160m)
  --steps N     whole training steps that are timed (default: 3)
  --threads N   (default: 2)
  --dnnl PATH   shared library of oneDNN 3 with OpenMP, instead of the one that pip installs into .venv
  --out FILE    JSON file for the results, a .md of the same name beside it (default: out/bench/bf16.json)
  --help        print this

It takes about a minute, and should have the machine to itself.`;

/** oneDNN 3.2 as one shared library of Intel's, with the C API, on the system's OpenMP (libgomp). */
const PACKAGE = { "onednn-cpu-gomp": "2023.2.0" };
const FIND_LIBRARY = `
import importlib.metadata as metadata
files = metadata.files("onednn-cpu-gomp")
print(next(f.locate().resolve() for f in files if f.name == "libdnnl.so.3"))
`;

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "bf16", {
    sizes: "pythia-70m,pythia-160m",
    steps: "3",
    threads: "2",
    dnnl: undefined,
    out: "out/bench/bf16.json",
  });
  if (flags === undefined) return console.log(HELP), 0;
  const names = choices("sizes", flags.sizes!, SIZES.map(({ name }) => name));
  const threads = count("threads", flags.threads!), steps = count("steps", flags.steps!);
  const load_average_before = Deno.loadavg()[0].toFixed(2);
  // Read by OpenMP when it is loaded.
  Deno.env.set("OMP_NUM_THREADS", String(threads));
  const dnnl = new Dnnl(flags.dnnl ?? await installedLibrary());
  const results: Bf16Result[] = [];
  for (const size of SIZES.filter(({ name }) => names.includes(name))) {
    results.push(await measureSize(dnnl, size, { threads, steps }));
  }
  const machine = {
    date: new Date().toISOString().slice(0, 10),
    processor: processor(),
    threads,
    load_average_before,
    deno: Deno.version.deno,
    onednn: dnnl.version,
  };
  const report = renderBf16(results, machine);
  saveResults(flags.out!, { benchmark: "bf16", machine, sizes: results }, report);
  console.log(report);
  return 0;
}

async function installedLibrary(): Promise<string> {
  const python = await findPython(undefined, console.error, PACKAGE);
  return (await run(python, ["-c", FIND_LIBRARY])).trim();
}

async function measureSize(
  dnnl: Dnnl,
  size: Size,
  { threads, steps }: { threads: number; steps: number },
): Promise<Bf16Result> {
  console.error(`${size.name}: training steps`);
  const steps_s = await timeSteps(size, threads, steps);
  const products = [], conversions = [];
  for (const linear of linearLayers(size)) {
    console.error(`${size.name}: ${linear.name}`);
    for (const product of linear.products) {
      products.push(await timeProduct(dnnl, linear, product, threads));
    }
    conversions.push(await timeConversions(dnnl, linear));
  }
  const { name, rows, length } = size;
  return { size: name, rows, length, products, conversions, steps_s };
}

/** Seconds of whole training steps, after one that does not count. */
async function timeSteps(size: Size, threads: number, count: number): Promise<number[]> {
  const { child } = await Child.startModule(
    "Causeway",
    new URL("../train/ours.ts", import.meta.url),
  );
  await child.request({ do: "prepare", size, threads });
  const { seconds } = await child.request({ do: "passes", count: 1 + count });
  await child.stop();
  return seconds.slice(1);
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));

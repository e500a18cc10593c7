/**
 * Flags of the GPU benchmark, and its models.
 *
 * @module
 */
import type { Device } from "@causeway/core/engine";
import { completeConfig, type ModelConfig, PRESETS } from "@causeway/core/model";
import { choices, count, parseFlags, UsageError } from "../shared/command.ts";

/** A model and its batches. */
export interface GpuSize {
  readonly name: string;
  readonly config: ModelConfig;
  /** Sequences per step, B. */
  readonly rows: number;
  /** Tokens per sequence, T. */
  readonly length: number;
}

/** No dimension is a multiple of 32, so that every kernel has a remainder. */
const TINY = {
  ...PRESETS.mini,
  hidden_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 200,
};
/** Pythia's vocabulary, padded to a multiple of 128. */
const PYTHIA_VOCABULARY = 50304;

function size(
  name: string,
  sizes: typeof PRESETS["mini"],
  vocab_size: number,
  batch: { rows: number; length: number },
): GpuSize {
  return { name, config: completeConfig(sizes, vocab_size), ...batch };
}

/** Smallest first. Batches are larger than on the CPU (bench:train), since a GPU hardly notices those. */
export const SIZES: readonly GpuSize[] = [
  size("tiny", TINY, 250, { rows: 2, length: 40 }),
  size("mini", PRESETS.mini, 4096, { rows: 64, length: 256 }),
  size("small", PRESETS.small, 8192, { rows: 64, length: 256 }),
  ...(["pythia-70m", "pythia-160m", "pythia-410m"] as const).map((name) =>
    size(name, PRESETS[name], PYTHIA_VOCABULARY, {
      rows: name === "pythia-410m" ? 8 : 16,
      length: 512,
    })
  ),
];

/** Models whose gradients the CPU computes too, which takes a second or two. */
export const CHECKED = ["tiny", "mini"];

/** What can be measured: Causeway's precisions, and PyTorch's modes. */
export const OUR_MODES = ["float32", "float16"] as const;
export const EAGER_MODES = ["eager", "bf16"] as const;
export const COMPILED_MODES = ["compile", "compile_bf16"] as const;
export const MODES = [...OUR_MODES, ...EAGER_MODES, ...COMPILED_MODES] as const;
export type Mode = typeof MODES[number];

export const isOurs = (mode: Mode): mode is typeof OUR_MODES[number] =>
  mode === "float32" || mode === "float16";
export const isHalf = (mode: Mode): boolean => mode === "float16" || mode.endsWith("bf16");

export interface Options {
  readonly sizes: readonly GpuSize[];
  readonly modes: readonly Mode[];
  readonly device: Device;
  /** PyTorch's device. */
  readonly torch_device: "cuda" | "cpu";
  readonly python: string;
  /** Seconds of the whole run; what does not fit is left out. */
  readonly budget: number;
  /** Seconds that one measurement may take, its start included; compiling PyTorch may take twice as long. */
  readonly limit: number;
  /** Seconds of timed steps. */
  readonly seconds: number;
  /** PyTorch processes that compile at the same time. */
  readonly parallel: number;
  readonly out: string;
}

/** What `deno task bench:gpu` does. */
export type Action =
  | { readonly do: "measure"; readonly options: Options }
  | { readonly do: "pack"; readonly file: string }
  | { readonly do: "report"; readonly file: string };

export const HELP =
  `Training on a GPU: gradients against the CPU, speed against PyTorch on the same GPU.

Usage: deno task bench:gpu [options]              measure on this machine
       deno task bench:gpu --pack FILE            pack all of it for a machine without network (Linux x64)
       deno task bench:gpu --report FILE.json     print a results file as Markdown

There, \`bash FILE FOLDER [options]\` measures, and writes gpu.json, gpu.md and gpu.log into the folder.

  --sizes A,B           models (default: ${SIZES.map(({ name }) => name).join(",")})
  --modes A,B           Causeway's precisions and PyTorch's modes
                        (default: ${MODES.join(",")})
  --device NAME         Causeway's device: webgpu, cuda or cpu (default: webgpu)
  --torch-device NAME   PyTorch's device: cuda or cpu (default: cuda)
  --python PATH         a Python that has PyTorch and NumPy (default: python3)
  --budget SECONDS      time of the whole run; what does not fit is left out (default: 440)
  --limit SECONDS       time of one measurement with its start, twice as long where PyTorch compiles (default: 60)
  --seconds N           time of the timed steps of one measurement (default: 4)
  --parallel N          PyTorch processes that compile at the same time; each keeps its model on the GPU
                        (default: one for every 3 cores, at most 5)
  --out FILE            JSON file for the results, a .md beside it (default: out/bench/gpu.json)
  --help                show this help

Gradients come first, then the models, smallest first; compiled PyTorch comes last. Results are written after each
measurement; one that fails is reported by its error, and the others still run.`;

const DEVICES = ["webgpu", "cuda", "cpu"] as const;

/**
 * Parses the flags.
 *
 * @returns undefined for `--help`.
 * @throws {UsageError} naming a flag that is unknown or invalid.
 */
export function parseAction(args: readonly string[]): Action | undefined {
  const flags = parseFlags(args, "gpu", {
    pack: undefined,
    report: undefined,
    sizes: SIZES.map(({ name }) => name).join(),
    modes: MODES.join(),
    device: "webgpu",
    "torch-device": "cuda",
    python: "python3",
    budget: "440",
    limit: "60",
    seconds: "4",
    parallel: String(Math.max(1, Math.min(5, Math.floor(navigator.hardwareConcurrency / 3)))),
    out: "out/bench/gpu.json",
  });
  if (flags === undefined) return undefined;
  const { pack, report } = flags;
  if ((pack ?? report) !== undefined) {
    if (args.filter((arg) => arg.startsWith("-")).length > 1) {
      throw new UsageError(`--${pack ? "pack" : "report"} goes without other flags`);
    }
    return pack === undefined ? { do: "report", file: report! } : { do: "pack", file: pack };
  }
  const names = choices("sizes", flags.sizes!, SIZES.map(({ name }) => name));
  const options: Options = {
    sizes: SIZES.filter(({ name }) => names.includes(name)),
    modes: choices("modes", flags.modes!, MODES),
    device: one("device", flags.device!, DEVICES),
    torch_device: one("torch-device", flags["torch-device"]!, ["cuda", "cpu"]),
    python: flags.python!,
    budget: count("budget", flags.budget!),
    limit: count("limit", flags.limit!),
    seconds: count("seconds", flags.seconds!),
    parallel: count("parallel", flags.parallel!),
    out: flags.out!,
  };
  return { do: "measure", options };
}

function one<T extends string>(flag: string, text: string, known: readonly T[]): T {
  const found = known.find((name) => name === text);
  if (found !== undefined) return found;
  throw new UsageError(`--${flag} must be one of ${known.join(", ")}, got "${text}"`);
}

/**
 * Flags of the training and evaluation benchmarks, and the contests of a run with estimates of their time and memory.
 *
 * @module
 */
import { type Passes, passFlops } from "@causeway/core/model";
import { choices, count, parseFlags } from "../shared/command.ts";
import { type Size, SIZES } from "../shared/workload.ts";

/** Precision and compilation of the other side. */
export const MODES = ["eager", "compile", "bf16", "compile_bf16"] as const;
export type Mode = typeof MODES[number];

/** PyTorch models, Hugging Face's and a hand-written one with scaled_dot_product_attention; and one in JAX. */
export const IMPLEMENTATIONS = ["hf", "sdpa", "jax"] as const;
export type Implementation = typeof IMPLEMENTATIONS[number];

/** Causeway: float32 products by ONNX Runtime, float32 by oneDNN, or bfloat16 by oneDNN. */
export const VARIANTS = ["float32", "float32_onednn", "bfloat16"] as const;
export type Variant = typeof VARIANTS[number];

/** Compute settings of each variant. */
export const VARIANT_CONFIG = {
  float32: { precision: "float32", kernels: "onnxruntime" },
  float32_onednn: { precision: "float32", kernels: "onednn" },
  bfloat16: { precision: "bfloat16" },
} as const;

export interface Options {
  sizes: readonly Size[];
  modes: readonly Mode[];
  implementations: readonly Implementation[];
  /** Undefined: float32 against float32, bfloat16 against bfloat16. */
  ours?: readonly Variant[];
  rounds: number;
  /** Programs that compute all the time, beside which the rounds are played once more; 0: they are not. */
  busy: number;
  /** Undefined: the model's own. */
  steps_per_round?: number;
  threads: number;
  /** Of Causeway, besides the threads. */
  workers: number | "auto";
  out: string;
  /** Results files to merge into one report instead of measuring. */
  from?: readonly string[];
  python?: string;
}

const DEFAULT_IMPLEMENTATIONS = "hf,sdpa";

const DEFAULT_SIZES = SIZES.filter(({ on_request }) => !on_request);

/** Help text of a benchmark. */
export function help(task: string, what: string): string {
  const names = (sizes: readonly Size[]) => sizes.map(({ name }) => name).join(",");
  return `${what}

Usage: deno task bench:${task} [options]

  --sizes A,B            models (default: ${names(DEFAULT_SIZES)};
                         also: ${names(SIZES.filter(({ on_request }) => on_request))})
  --modes A,B            modes of PyTorch (default: ${MODES.join(",")})
  --implementations A,B  models of the other side; the fastest counts (default: ${DEFAULT_IMPLEMENTATIONS};
                         also: jax, in the compiled modes)
  --ours A,B             variants of Causeway: ${VARIANTS.join(",")}
                         (default: float32 against eager and compile, bfloat16 against the bf16 modes; the last
                         two need oneDNN, which pip installs as onednn-cpu-gomp)
  --rounds N             alternating rounds (default: 7)
  --busy N               as many rounds again beside N programs that compute all the time (default: 0, none)
  --steps-per-round N    steps per turn (default: a few seconds' worth)
  --threads N            threads of each side (default: 2)
  --workers N            workers of Causeway: 0, a number, or auto, as in recipes (default: auto)
  --out FILE             JSON file for the results, a .md of the same name beside it
                         (default: out/bench/${task}.json)
  --from FILE,FILE       merge these results into one report, written to --out, instead of measuring
  --python PATH          a Python that has the packages (default: .venv, made if missing)
  --help                 show this help

Results are written after each contest; a contest that fails is reported and the others still run. If memory is too
small for both sides, one ends before the other starts. To measure a long table in parts, run sizes or modes with
separate --out files and merge them with --from.

Nothing else should run on the machine meanwhile. Needs Python 3; packages are installed into .venv.`;
}

/**
 * Parses the flags.
 *
 * @returns undefined for `--help`.
 * @throws {UsageError} naming a flag that is unknown or invalid.
 */
export function parseOptions(args: readonly string[], task: string): Options | undefined {
  const flags = parseFlags(args, task, {
    sizes: DEFAULT_SIZES.map(({ name }) => name).join(),
    modes: MODES.join(),
    implementations: DEFAULT_IMPLEMENTATIONS,
    ours: undefined,
    rounds: "7",
    busy: "0",
    "steps-per-round": undefined,
    threads: "2",
    workers: "auto",
    out: `out/bench/${task}.json`,
    from: undefined,
    python: undefined,
  });
  if (flags === undefined) return undefined;
  const steps = flags["steps-per-round"];
  const names = choices("sizes", flags.sizes!, SIZES.map(({ name }) => name));
  return {
    sizes: SIZES.filter(({ name }) => names.includes(name)),
    modes: choices("modes", flags.modes!, MODES),
    implementations: choices("implementations", flags.implementations!, IMPLEMENTATIONS),
    ours: flags.ours === undefined ? undefined : choices("ours", flags.ours, VARIANTS),
    rounds: count("rounds", flags.rounds!),
    busy: flags.busy === "0" ? 0 : count("busy", flags.busy!),
    steps_per_round: steps === undefined ? undefined : count("steps-per-round", steps),
    threads: count("threads", flags.threads!),
    workers: ["auto", "0"].includes(flags.workers!)
      ? (flags.workers === "0" ? 0 : "auto")
      : count("workers", flags.workers!),
    out: flags.out!,
    from: flags.from?.split(","),
    python: flags.python,
  };
}

/** Assumed FLOP/s. Only the proportions matter: the time left is scaled by the time passed so far. */
const RATE = 150e9;
/** Passes before the first round: agreement check, choice of the optimizer, warm-up. */
const PASSES_TO_START = 10;

/**
 * Bytes per parameter that a process needs at most, rounded up. Weights, gradients and two moments are 16; at 410M
 * parameters Causeway needed 18, and compiled PyTorch with bfloat16 copies of the weights 22. Forward: weights only.
 */
const BYTES_PER_PARAMETER = { step: 24, forward: 8 };
/** Gemm ceiling, compiler processes and activations. */
const OTHER_BYTES = 3e9;

/** Bytes that both sides and the Gemm ceiling need at the same time. */
export function memoryTogether(parameters: number, pass: Passes): number {
  return 2 * BYTES_PER_PARAMETER[pass] * parameters + OTHER_BYTES;
}

/** Contests of a run, grouped by variant. */
export function contestsOf(
  { modes, implementations, ours }: Options,
): { mode: Mode; implementation: Implementation; variant: Variant }[] {
  const plays = (variant: Variant, mode: Mode) =>
    ours?.includes(variant) ??
      variant === (mode.endsWith("bf16") ? "bfloat16" : "float32");
  return VARIANTS.flatMap((variant) =>
    modes.filter((mode) => plays(variant, mode)).flatMap((mode) =>
      implementations.filter((implementation) => implementation !== "jax" || isCompiled(mode))
        .map((implementation) => ({ mode, implementation, variant }))
    )
  );
}

function isCompiled(mode: Mode): boolean {
  return mode.startsWith("compile");
}

export function passesPerRound({ steps_per_round }: Options, size: Size): number {
  return steps_per_round ?? size.steps;
}

/** Seconds of a round: both turns, and one second for the Gemm ceiling and for threads to go idle. */
export function roundSeconds(options: Options, size: Size, pass: Passes): number {
  return 1 + 2 * passesPerRound(options, size) * passFlops(size.config, size, pass) / RATE;
}

/** Seconds until the first round; compile time grows with the number of layers. */
export function startSeconds(size: Size, mode: Mode, pass: Passes): number {
  const compiling = isCompiled(mode) ? 10 + 4 * size.config.num_hidden_layers : 0;
  return 6 + compiling + PASSES_TO_START * passFlops(size.config, size, pass) / RATE;
}

export function contestSeconds(options: Options, size: Size, mode: Mode, pass: Passes): number {
  // Beside busy programs a round takes about twice as long.
  const rounds = options.rounds * (options.busy > 0 ? 3 : 1);
  return startSeconds(size, mode, pass) + rounds * roundSeconds(options, size, pass);
}

export function totalSeconds(options: Options, pass: Passes): number {
  const seconds = options.sizes.flatMap((size) =>
    contestsOf(options).map(({ mode }) => contestSeconds(options, size, mode, pass))
  );
  return seconds.reduce((a, b) => a + b, 0);
}

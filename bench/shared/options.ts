/**
 * Flags that the training and evaluation benchmarks share.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { type Size, SIZES } from "./sizes.ts";

/** Precision and compilation of the other side. */
export const MODES = ["eager", "compile", "bf16", "compile_bf16"] as const;
export type Mode = typeof MODES[number];

/** Hugging Face's model, and one written by hand with scaled_dot_product_attention. */
export const IMPLEMENTATIONS = ["hf", "sdpa"] as const;
export type Implementation = typeof IMPLEMENTATIONS[number];

/** Our side: products in float32 by ONNX Runtime, the same by oneDNN, or in bfloat16 by oneDNN. */
export const VARIANTS = ["float32", "float32_onednn", "bfloat16"] as const;
export type Variant = typeof VARIANTS[number];

/** What a variant is in a recipe. */
export const VARIANT_CONFIG = {
  float32: { precision: "float32", kernels: "onnxruntime" },
  float32_onednn: { precision: "float32", kernels: "onednn" },
  bfloat16: { precision: "bfloat16" },
} as const;

export interface Options {
  sizes: readonly Size[];
  modes: readonly Mode[];
  implementations: readonly Implementation[];
  /** Undefined: like against like. */
  ours?: readonly Variant[];
  rounds: number;
  /** Undefined: as the size says. */
  steps_per_round?: number;
  threads: number;
  out: string;
  /** Files of results to make one report of, instead of measuring. */
  from?: readonly string[];
  python?: string;
}

/** The command line is wrong. */
export class UsageError extends Error {
  override name = "UsageError";
}

const DEFAULT_SIZES = SIZES.filter(({ on_request }) => !on_request);

/** Help text of a benchmark. */
export function help(task: string, what: string): string {
  const names = (sizes: readonly Size[]) => sizes.map(({ name }) => name).join(",");
  return `${what}

Usage: deno task bench:${task} [options]

  --sizes A,B            models (default: ${names(DEFAULT_SIZES)};
                         there is also ${names(SIZES.filter(({ on_request }) => on_request))})
  --modes A,B            modes of PyTorch (default: ${MODES.join(",")})
  --implementations A,B  PyTorch models; the faster one counts (default: ${
    IMPLEMENTATIONS.join(",")
  })
  --ours A,B             our side, of ${VARIANTS.join(",")}
                         (default: like against like, float32 against eager and compile, bfloat16 against the
                         bf16 modes; what oneDNN computes takes onednn-cpu-gomp, which is installed too)
  --rounds N             alternating rounds (default: 7)
  --steps-per-round N    steps per turn (default: a few seconds' worth)
  --threads N            threads of each side (default: 2)
  --out FILE             JSON file for the results, a .md of the same name beside it
                         (default: out/bench/${task}.json)
  --from FILE,FILE       measure nothing: make one report of the results in these files, written to --out
  --python PATH          a Python with the packages, instead of making one in .venv
  --help                 print this

Results are written after each contest, and one that fails is reported while the others go on. Where memory does not
hold both sides, one ends before the other starts. A long table can be measured in parts: run sizes or modes with
an --out each, then join them by --from.

Both sides should have the machine to themselves. Python 3 is needed; the packages are installed into .venv.`;
}

/**
 * Reads the flags.
 *
 * @returns undefined when help is asked for.
 * @throws {UsageError} naming the flag that is unknown or wrong.
 */
export function parseOptions(args: readonly string[], task: string): Options | undefined {
  const flags = parseFlags(args, task, {
    sizes: DEFAULT_SIZES.map(({ name }) => name).join(),
    modes: MODES.join(),
    implementations: IMPLEMENTATIONS.join(),
    ours: undefined,
    rounds: "7",
    "steps-per-round": undefined,
    threads: "2",
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
    steps_per_round: steps === undefined ? undefined : count("steps-per-round", steps),
    threads: count("threads", flags.threads!),
    out: flags.out!,
    from: flags.from?.split(","),
    python: flags.python,
  };
}

/**
 * Parses flags that all take a value.
 *
 * @param defaults every flag there is; undefined for those without a default.
 * @returns undefined when `--help` is among them.
 */
export function parseFlags<Name extends string>(
  args: readonly string[],
  task: string,
  defaults: Readonly<Record<Name, string | undefined>>,
): Record<Name, string | undefined> | undefined {
  const names = Object.keys(defaults) as Name[];
  const flags: Record<string, unknown> = parseArgs(args, {
    string: names as string[],
    boolean: ["help"],
    alias: { help: "h" },
    unknown: (arg) => {
      const known = names.map((name) => `--${name}`).join(", ");
      throw new UsageError(
        `unknown argument ${arg}; the flags are ${known} (see deno task bench:${task} --help)`,
      );
    },
  });
  if (flags.help) return undefined;
  for (const name of names) {
    if (flags[name] === "") throw new UsageError(`--${name} needs a value`);
    flags[name] ??= defaults[name];
  }
  return flags as Record<Name, string | undefined>;
}

/** A list of names out of `known`, in the order of `known`. */
export function choices<T extends string>(flag: string, text: string, known: readonly T[]): T[] {
  const given = text.split(",");
  const wrong = given.find((name) => !known.includes(name as T));
  if (wrong !== undefined) {
    throw new UsageError(`--${flag} ${wrong}: there is ${known.join(", ")}`);
  }
  return known.filter((name) => given.includes(name));
}

/** A whole number above 0. */
export function count(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new UsageError(`--${flag} ${text} is not a whole number above 0`);
}

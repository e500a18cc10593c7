/**
 * Flags of `deno task recommend`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { checkFlags, UsageError } from "../shared/console.ts";
import type { DataOptions } from "./recommend_data.ts";

const DEFAULTS = {
  weights: "0.05,0.1,0.2,0.4,0.8",
  starts: "0.1,0.2,0.4,0.6,0.8",
  "rank-at": "0.2",
  "vocab-size": "16384",
  "max-mb": "64",
  bootstrap: "200",
  seed: "0",
  out: "out/recommend",
};

export const HELP =
  `Ranks midtraining data for a target before any training: how much closer to it each candidate
brings a mixture than general data are, and which starts and weights its tokens allow.

Usage: deno task recommend --target DATA [options]

  --target DATA        what is to be fine-tuned on: a dataset's name, or a file, glob or folder
  --text, --prompt T   for files: column or template of the target's text, and of a prompt before it
                       (default: the column "text", no prompt)
  --candidate NAME[=DATA]
                       a dataset by name, or names and paths separated by commas; may be repeated
                       (default: the paper's starcoder, math, flan, knowledge_qa, dclm)
  --general DATA       what the model is pretrained on (default: c4)
  --recipe FILE        take candidates and general data from its tokenize step; --general names the
                       source (default: general), and --target may be one of its sources
  --data-root DIR      folder with datasets, as for the pipeline
  --horizon-tokens N   tokens of the whole run, for starts and weights that repeat no data
  --weights W,W,…      weights to choose from (default: ${DEFAULTS.weights})
  --starts S,S,…       starts to choose from, shares of the run (default: ${DEFAULTS.starts})
  --rank-at W          weight at which candidates are ranked (default: ${DEFAULTS["rank-at"]})
  --evidence PATH      an earlier study: its output folder, or a file of its proximity table
  --tokenizer DIR      a Hugging Face tokenizer (default: learned from the data)
  --vocab-size N       tokens of a learned one (default: ${DEFAULTS["vocab-size"]})
  --max-mb N           MB read of each dataset (default: ${DEFAULTS["max-mb"]})
  --max-files N        files read of each dataset (default: all, or 1 from the hub)
  --bootstrap N        resamples of documents for intervals (default: ${DEFAULTS.bootstrap})
  --seed N             of sampling (default: ${DEFAULTS.seed})
  --out DIR            folder for tokenized data, taken over next time (default: ${DEFAULTS.out})
  --json               print everything as JSON
  --help               print this`;

export interface RecommendOptions extends DataOptions {
  readonly target: string;
  readonly horizon_tokens?: number;
  readonly weights: readonly number[];
  readonly starts: readonly number[];
  readonly rank_at: number;
  readonly resamples: number;
  readonly seed: number;
  readonly evidence?: string;
}

const STRINGS = [
  "target",
  "text",
  "prompt",
  "candidate",
  "general",
  "recipe",
  "data-root",
  "horizon-tokens",
  "weights",
  "starts",
  "rank-at",
  "evidence",
  "tokenizer",
  "vocab-size",
  "max-mb",
  "max-files",
  "bootstrap",
  "seed",
  "out",
] as const;

/** Reads the flags. @throws {UsageError} naming the one that is unknown or has no value. */
export function parseFlags(args: readonly string[]) {
  const boolean = ["json", "help"] as const;
  const flags = parseArgs(args, {
    string: STRINGS,
    boolean,
    collect: ["candidate"],
    alias: { help: "h" },
    default: DEFAULTS,
    unknown: checkFlags([...STRINGS, ...boolean], "deno task recommend"),
  });
  for (const name of STRINGS) {
    if (flags[name] === "") throw new UsageError(`--${name} needs a value`);
  }
  return flags;
}

type Flags = ReturnType<typeof parseFlags>;

/** What flags say. @throws {UsageError} naming the flag that is missing or wrong. */
export function optionsOf(flags: Flags): RecommendOptions {
  if (flags.target === undefined) {
    throw new UsageError("--target is missing; it takes a dataset's name or a path");
  }
  const [weights, starts] = [shares("weights", flags.weights), shares("starts", flags.starts)];
  const [rank_at] = shares("rank-at", flags["rank-at"]);
  const max_files = flags["max-files"];
  return {
    target: flags.target,
    horizon_tokens: flags["horizon-tokens"] === undefined
      ? undefined
      : whole("horizon-tokens", flags["horizon-tokens"], 1),
    weights: [...new Set([...weights, rank_at])].sort((a, b) => a - b),
    starts,
    rank_at,
    resamples: whole("bootstrap", flags.bootstrap, 0),
    seed: whole("seed", flags.seed, 0),
    evidence: flags.evidence,
    out: flags.out,
    tokenizer: flags.tokenizer,
    vocab_size: whole("vocab-size", flags["vocab-size"], 257),
    on_hub: flags["data-root"] === undefined && !Deno.env.get("CAUSEWAY_DATA_ROOT"),
    max_bytes: 1e6 * whole("max-mb", flags["max-mb"], 1),
    ...(max_files === undefined ? {} : { max_files: whole("max-files", max_files, 1) }),
  };
}

/** Whole numbers may be written 2e8. */
function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`--${name} takes a whole number of at least ${least}, not ${text}`);
}

function shares(name: string, text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.every((value) => value > 0 && value < 1)) return values;
  throw new UsageError(`--${name} takes shares between 0 and 1, as in 0.1,0.2, not ${text}`);
}

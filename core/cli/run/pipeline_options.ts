/**
 * The flags of `deno task pipeline`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { LoadOptions } from "../../recipe/mod.ts";
import { checkFlags, UsageError } from "../shared/console.ts";
import { type Deadline, parseDeadline } from "./deadline.ts";
import { LAUNCH_FLAGS, LAUNCH_HELP, type LaunchFlags } from "./launch_flags.ts";
import { RECIPE_FLAGS, recipeOf } from "../shared/recipe_flags.ts";
import { SERVER_FLAGS, SERVER_HELP, type ServerFlags, serverOf } from "./server_flags.ts";

export const HELP = `Runs a recipe: trains, midtrains, fine-tunes, analyses, and reports.

Usage: deno task pipeline [options]

  --recipe FILE   the recipe to run, TypeScript or JSON (default: recipes/quickstart.ts)
  --out DIR       folder for results, made when absent (default: out)
  --device NAME   compute on cpu, webgpu (any GPU) or cuda, whatever the recipe says
  --set PATH=VAL  change a field of the recipe: sft.epochs=2 for step "sft", stage:sft.epochs=2 for
                  all steps of a stage, seed=7; may be repeated
  --data-root DIR take named datasets from the folders of this one instead of the hub
  --jobs N        run up to N steps at once that do not read each other, where there are cores and
                  memory for them (default: 1; auto: one per core); the results are the same
  --memory SIZE   memory that they may take together, such as 12GB (default: most of what is free)
  --deadline TIME stop in time: after 2h30m, say, or at 2026-01-31T18:00
  --only STAGE    run only this step id or stage name, and what it needs
  --dry-run       print what would run and why, and write nothing
${LAUNCH_HELP}
  --remote URL    share results with other machines, with deno task pipeline:remote: a bucket
                  (s3://bucket/prefix) or a folder that all of them reach
${SERVER_HELP}
  --tracker NAME  write the run for an experiment tracker as it goes on: tensorboard, mlflow:URL, or
                  a module of your own; may be repeated
  --shard-optimizer
                  of several processes (mpirun -n N deno task pipeline) each keeps a part of the
                  optimizer's state
  --quiet         no progress, only the results
  --json          events for programs on standard output, one JSON object a line, a summary last
  --help          print this

Running again skips what is done. Ctrl-C stops cleanly; the next run goes on from there.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C or a request, 143 by SIGTERM,
75 by the deadline, SIGUSR2 or SIGUSR1: nothing is wrong, run it again to go on.`;

export interface Options {
  /** URL of the recipe. */
  url: string;
  /** How it is to be loaded. */
  load: LoadOptions;
  out: string;
  only?: string;
  data_root?: string;
  remote?: string;
  deadline?: Deadline;
  jobs: number;
  /** Bytes; undefined: most of what is free. */
  memory?: number;
  dry_run: boolean;
  launch: LaunchFlags;
  server: ServerFlags;
  trackers: readonly string[];
  shard_optimizer: boolean;
  quiet: boolean;
  json: boolean;
  help: boolean;
}

/**
 * Reads the flags.
 *
 * @throws {UsageError} naming the flag that is unknown or wrong.
 */
export function parseOptions(args: readonly string[]): Options {
  const own = ["only", "deadline", "jobs", "memory", "remote"] as const;
  const string = [...RECIPE_FLAGS, ...SERVER_FLAGS, ...LAUNCH_FLAGS, ...own] as const;
  const many = ["set", "allow-host", "tracker", "launcher-arg"] as const;
  const boolean = ["dry-run", "shard-optimizer", "quiet", "json", "help"] as const;
  const flags = parseArgs(args, {
    string: [...string, "tracker"],
    boolean,
    collect: many,
    alias: { help: "h" },
    default: { recipe: "recipes/quickstart.ts", out: "out" },
    unknown: checkFlags([...string, "tracker", ...boolean], "deno task pipeline"),
  });
  for (const name of string) {
    if ([flags[name]].flat().includes("")) throw new UsageError(`--${name} needs a value`);
  }
  const server = serverOf(flags);
  const { out, only, quiet, json, help } = flags;
  const deadline = flags.deadline === undefined ? undefined : parseDeadline(flags.deadline);
  const jobs = parseJobs(flags.jobs ?? "1");
  const memory = flags.memory === undefined ? undefined : parseBytes(flags.memory);
  const [dry_run, shard_optimizer] = [flags["dry-run"], flags["shard-optimizer"]];
  const rest = { dry_run, shard_optimizer, data_root: flags["data-root"], deadline, jobs, memory };
  return {
    ...recipeOf(flags),
    remote: flags.remote,
    launch: { launcher: flags.launcher, launcher_args: flags["launcher-arg"] },
    out,
    only,
    server,
    trackers: flags.tracker,
    quiet,
    json,
    help,
    ...rest,
  };
}

function parseJobs(text: string): number {
  if (text === "auto") return navigator.hardwareConcurrency;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(`--jobs ${text} is no number of steps; take 1 or more, or auto`);
}

const UNITS = { kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

function parseBytes(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([kMG]B|[KMG]iB)$/.exec(text) ?? [];
  if (number) return Number(number) * UNITS[unit as keyof typeof UNITS];
  throw new UsageError(`--memory ${text} is no size; take one such as 12GB or 500MiB`);
}

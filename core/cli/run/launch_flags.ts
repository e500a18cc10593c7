/**
 * Flags that have the steps of a run computed by processes of their own.
 *
 * @module
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { assertNoSubmittedJobs, LaunchedRun, openLauncher } from "../../remote/launch/mod.ts";
import { type LoadOptions } from "../../recipe/mod.ts";
import { machineBudget } from "../../runner/mod.ts";
import type { Control } from "../../status/mod.ts";
import { UsageError } from "../shared/console.ts";

/** Flags that take a value; the second may be repeated. */
export const LAUNCH_FLAGS = ["launcher", "launcher-arg"] as const;

export const LAUNCH_HELP =
  `  --launcher NAME have each step computed by a process of its own, with deno task pipeline:launch:
                  local (on this machine, see --jobs), slurm (in its queue), or a module of your own
  --launcher-arg ARG
                  argument for sbatch, such as --launcher-arg=--partition=long; may be repeated`;

export interface LaunchFlags {
  readonly launcher?: string;
  readonly launcher_args: readonly string[];
}

interface Settings {
  readonly url: string;
  readonly load: LoadOptions;
  readonly out: string;
  readonly data_root?: string;
  readonly jobs: number;
  readonly memory?: number;
}

const CONFIGURATION = fileURLToPath(new URL("../../../deno.json", import.meta.url));

/**
 * The launch that flags ask for.
 *
 * @returns undefined when steps are computed by this process.
 * @throws {UsageError} when flags do not go together.
 * @throws {Error} when steps of the folder are with another launcher.
 */
export async function launchOf(
  { launcher: name, launcher_args: args }: LaunchFlags,
  { url, load, out, data_root, jobs, memory }: Settings,
): Promise<{ launch: LaunchedRun; control?: Control; onStop: string } | undefined> {
  if (name === undefined) {
    if (args.length > 0) throw new UsageError("--launcher-arg needs --launcher");
    assertNoSubmittedJobs(out);
    return undefined;
  }
  const launcher = await openLauncher(name, { args, budget: machineBudget(jobs, memory) });
  const order = {
    recipe: url,
    load,
    out: resolve(out),
    ...(data_root !== undefined && { data_root: resolve(data_root) }),
  };
  const step = [Deno.execPath(), "task", "--quiet", "--config", CONFIGURATION, "step"];
  return {
    launch: new LaunchedRun(launcher, order, (folder) => [...step, folder]),
    control: launchedControl(),
    onStop: launcher.outlives
      ? "Leaving the steps to go on by themselves …"
      : "Stopping at the next checkpoint …",
  };
}

/** Steps elsewhere do not hear what is asked of the run. */
function launchedControl(): Control {
  const refuse = () =>
    Promise.reject(new Error("the steps of this run are computed by processes of their own"));
  return { pause: refuse, resume: refuse, stop: refuse };
}

/**
 * Steps computed by other processes: by jobs of a launcher (`--launcher`), or by all ranks of `mpirun` or `srun`.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { assertNoSubmittedJobs, LaunchedRun, openLauncher } from "../../remote/launch/mod.ts";
import { isLaunched, joinGroup, type Launched } from "../../remote/mpi/mod.ts";
import {
  agree,
  checkRanks,
  type Executor,
  follow,
  GroupLeader,
  machineBudget,
} from "../../runner/mod.ts";
import type { LoadOptions, Recipe } from "../../recipe/mod.ts";
import type { Control } from "../../status/mod.ts";
import { UsageError } from "../shared/console.ts";
import type { Flags, Values } from "../shared/command.ts";
import { STOP_SIGNALS } from "./stop.ts";

export const LAUNCH_FLAGS = {
  launcher: {
    value: "NAME",
    help: "compute each step in its own process, with deno task pipeline:launch: local (on this " +
      "machine, see --jobs), slurm (in its queue), or your own module (./my_launcher.ts)",
  },
  launcher_arg: {
    value: "ARG",
    many: true,
    help: "argument for sbatch, such as --launcher-arg=--partition=long",
  },
} as const satisfies Flags;

interface LaunchOptions extends Values<typeof LAUNCH_FLAGS> {
  readonly out: string;
  readonly data_root?: string;
  readonly jobs: number;
  readonly memory?: number;
}

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * The launch that flags ask for.
 *
 * @returns undefined when this process computes the steps.
 * @throws {UsageError} when flags contradict each other.
 * @throws {Error} when another launcher has steps of the folder.
 */
export async function launchOf(
  { launcher: name, launcher_arg: args, out, data_root, jobs, memory }: LaunchOptions,
  { url, load }: { url: string; load: LoadOptions },
): Promise<{ launch: LaunchedRun; control: Control; onStop: string } | undefined> {
  if (name === undefined) {
    if (args.length > 0) throw new UsageError("--launcher-arg needs --launcher");
    await assertNoSubmittedJobs(out);
    return undefined;
  }
  const launcher = await openLauncher(name, { args, budget: machineBudget(jobs, memory) });
  const order = {
    recipe: url,
    load,
    out: resolve(out),
    ...(data_root !== undefined && { data_root: resolve(data_root) }),
  };
  const config = join(ROOT, "deno.json");
  const step = [Deno.execPath(), "task", "--quiet", "--config", config, "step"];
  return {
    launch: new LaunchedRun(launcher, order, (folder) => [...step, folder]),
    control: { pause: refuse, resume: refuse, stop: refuse },
    onStop: launcher.outlives
      ? "Leaving; the steps continue by themselves …"
      : "Stopping at the next checkpoint …",
  };
}

/** Steps in other processes cannot be paused or stopped over HTTP. */
const refuse = () => Promise.reject(new Error("the steps of this run run in other processes"));

/** What rank 0 has to know of the other ranks; alone, there are none. */
export interface GroupRun {
  /** Runs steps, on all ranks where possible. */
  executor(inner: Executor): Executor;
  /** To be called when the run is over and everything was printed. */
  end(): Promise<void>;
}

const ALONE: GroupRun = { executor: (inner) => inner, end: () => Promise.resolve() };

/**
 * Joins the other processes, if there are any.
 *
 * @returns undefined for ranks above 0, whose work is done then.
 * @throws {Error} when ranks are about to do different things, or there is no MPI library.
 */
export async function joinRun(
  recipe: Recipe,
  options: { jobs: number; shard_optimizer: boolean; launcher?: string },
  say: (message: string) => void,
): Promise<GroupRun | undefined> {
  if (!isLaunched()) {
    if (!options.shard_optimizer) return ALONE;
    throw new UsageError("--shard-optimizer needs several processes: start them with mpirun -n N");
  }
  if (options.jobs > 1) {
    throw new UsageError("several processes run one step at a time; leave out --jobs");
  }
  if (options.launcher !== undefined) {
    throw new UsageError("several processes run the steps together; leave out --launcher");
  }
  const group = joinGroup();
  agree(group, recipe, codeDigest());
  if (group.rank === 0) {
    checkRanks(recipe, group.size);
    say(`${group.size} processes, ${group.version}`);
    return new GroupLeader(group, options);
  }
  await followQuietly(group, recipe, say);
  return undefined;
}

/** A request to stop reaches every process; rank 0 decides and tells the others. */
async function followQuietly(group: Launched, recipe: Recipe, say: (message: string) => void) {
  const ignore = () => {};
  for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, ignore);
  await follow(group, recipe, say);
  for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, ignore);
}

const CODE = ["core", "stages", "plugins", "datasets"];

/** SHA-256 of the sources of this program. */
function codeDigest(): string {
  const hash = createHash("sha256");
  const visit = (folder: string) => {
    const entries = [...Deno.readDirSync(folder)].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const { name, isDirectory } of entries) {
      const path = join(folder, name);
      if (isDirectory) visit(path);
      else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) {
        hash.update(`${path.slice(ROOT.length)}\n`).update(Deno.readFileSync(path));
      }
    }
  };
  for (const folder of CODE) visit(join(ROOT, folder));
  return hash.digest("hex");
}

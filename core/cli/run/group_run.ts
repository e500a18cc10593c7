/**
 * A pipeline that was started several times at once, by `mpirun` or `srun`.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isLaunched, joinGroup, type Launched } from "../../remote/mpi/mod.ts";
import { agree, type Executor, follow, GroupLeader } from "../../runner/mod.ts";
import { type Recipe } from "../../recipe/mod.ts";
import { UsageError } from "../shared/console.ts";
import type { LaunchFlags } from "./launch_flags.ts";
import { STOP_SIGNALS } from "./signals.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CODE = ["core", "stages", "plugins", "datasets"];

/** What rank 0 has to know of the others; alone, there are none. */
export interface GroupRun {
  /** Runs steps, where it can be by all. */
  executor(inner: Executor): Executor;
  /** To be called when the run is over and everything was said. */
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
  options: { jobs: number; shard_optimizer: boolean; launch: LaunchFlags },
  say: (message: string) => void,
): Promise<GroupRun | undefined> {
  if (!isLaunched()) {
    if (!options.shard_optimizer) return ALONE;
    throw new UsageError("--shard-optimizer takes several processes: start them by mpirun -n N");
  }
  if (options.jobs > 1) {
    throw new UsageError("several processes run one step at a time; leave --jobs out");
  }
  if (options.launch.launcher !== undefined) {
    throw new UsageError("several processes run the steps together; leave --launcher out");
  }
  const group = joinGroup();
  agree(group, recipe, codeDigest());
  if (group.rank === 0) {
    say(`${group.size} processes, ${group.version}`);
    return new GroupLeader(group, options);
  }
  await followQuietly(group, recipe, say);
  return undefined;
}

/** A request to stop reaches every process; rank 0 decides, and the others hear of it from it. */
async function followQuietly(group: Launched, recipe: Recipe, say: (message: string) => void) {
  const ignore = () => {};
  for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, ignore);
  await follow(group, recipe, say);
  for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, ignore);
}

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

/**
 * Two files in the output folder: `runner.lock` keeps a second runner out; `lock.json` records each step's last result,
 * so that the planner can say what changed.
 *
 * @module
 */
import { openFileSync } from "../words/mod.ts";
import { join } from "node:path";
import { z } from "zod";
import { readIfPresent, writeAll, writeAtomic } from "../store/mod.ts";

/** The output folder, locked by this process. */
export interface FolderLock {
  /** Records which run has the lock. */
  setRun(id: string): void;
  /** Releases the lock. */
  unlock(): void;
}

/**
 * Locks the output folder for one runner. The operating system releases the lock when the process ends, however it ends,
 * so a crash never blocks the next run.
 *
 * @throws {Error} naming the process that has the lock.
 */
export async function lockFolder(out: string): Promise<FolderLock> {
  const path = join(out, "runner.lock");
  const file = openFileSync(path, { read: true, write: true, create: true });
  // A reader that calls `isLocked` has the lock for a moment, so try several times.
  for (let attempt = 0; !file.tryLockSync(true); attempt++) {
    if (attempt === 10) {
      file.close();
      const pid = readIfPresent(path)?.split("\n")[0];
      throw new Error(
        `another pipeline${pid ? ` (process ${pid})` : ""} is running in ${out}; ` +
          "wait for it, stop it, or choose another --out",
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const writeLine = (line: string | number) =>
    writeAll(file, new TextEncoder().encode(`${line}\n`));
  try {
    file.truncateSync(0);
    writeLine(Deno.pid);
  } catch (error) {
    file.close(); // a full disk: without a record of its owner there is no lock
    throw error;
  }
  return {
    setRun: writeLine,
    unlock() {
      file.truncateSync(0);
      file.unlockSync();
      file.close();
    },
  };
}

/** Whether a runner has locked the folder for this run. While it plans, it has locked it for none. */
export function isRunning(out: string, run: string): boolean {
  if (!isLocked(out)) return false;
  try {
    return readIfPresent(join(out, "runner.lock"))?.split("\n")[1] === run;
  } catch {
    return true; // on Windows a locked file cannot be read, so the lock alone decides
  }
}

/** Whether a runner has locked the folder. */
export function isLocked(out: string): boolean {
  try {
    using file = openFileSync(join(out, "runner.lock"));
    return !file.tryLockSync(false);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const recipe_lock_schema = z.object({
  /** Key of the last result of each step. */
  steps: z.record(z.string(), z.string()),
  /** Published files, below the output folder. */
  published: z.array(z.string()),
});

const lock_schema = z.object({
  format: z.literal(1),
  recipes: z.record(z.string(), recipe_lock_schema),
});

/** What `lock.json` records of one recipe. */
export type RecipeLock = z.output<typeof recipe_lock_schema>;

/**
 * Reads the entry of one recipe; empty when there is none.
 *
 * @throws {Error} when the file is damaged.
 */
export function readLock(out: string, recipe: string): RecipeLock {
  return readLocks(out)[recipe] ?? { steps: {}, published: [] };
}

/** Replaces the entry of one recipe. */
export function writeLock(out: string, recipe: string, lock: RecipeLock): void {
  // Sorted, since steps that run at the same time finish in any order.
  const steps = Object.fromEntries(Object.entries(lock.steps).sort(([a], [b]) => a < b ? -1 : 1));
  const recipes = { ...readLocks(out), [recipe]: { ...lock, steps } };
  writeAtomic(lockPath(out), JSON.stringify({ format: 1, recipes }, null, 2) + "\n");
}

function lockPath(out: string): string {
  return join(out, "lock.json");
}

/**
 * Reads the entries of all recipes, by name.
 *
 * @throws {Error} when the file is damaged.
 */
export function readLocks(out: string): Record<string, RecipeLock> {
  const text = readIfPresent(lockPath(out));
  if (text === undefined) return {};
  try {
    return lock_schema.parse(JSON.parse(text)).recipes;
  } catch {
    throw new Error(
      `${lockPath(out)} is damaged; delete it: no results are lost, only the record of what ` +
        "changed last",
    );
  }
}

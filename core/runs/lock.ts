/**
 * Two locks below the output folder: `runner.lock` keeps a second runner out, `lock.json` remembers each
 * step's last result, so that the planner can say what changed.
 *
 * @module
 */
import { join } from "node:path";
import { readIfPresent, writeAll, writeAtomic } from "../store/mod.ts";

/** The output folder, held by this process. */
export interface FolderLock {
  /** Notes which run holds it. */
  setRun(id: string): void;
  /** Gives it back. */
  unlock(): void;
}

/**
 * Takes the output folder for one runner. The operating system drops the lock when the process ends, however
 * it ends, so a lock left by a crash never blocks the next run.
 *
 * @returns functions that note the run once it has an id, and that give the folder back.
 * @throws {Error} naming the process that holds it.
 */
export async function lockFolder(out: string): Promise<FolderLock> {
  const path = join(out, "runner.lock");
  const file = Deno.openSync(path, { read: true, write: true, create: true });
  // A reader asking `isLocked` holds the lock for a moment, so one refusal is not yet an answer.
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
    file.close(); // a full disk: without a note of who holds it there is no lock
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

/** Whether a runner holds the folder for this run now; while it still plans, it holds it for none. */
export function isRunning(out: string, run: string): boolean {
  if (!isLocked(out)) return false;
  try {
    return readIfPresent(join(out, "runner.lock"))?.split("\n")[1] === run;
  } catch {
    return true; // Windows lets nobody read a locked file, so there the lock alone has to do.
  }
}

/** Whether a runner holds the folder now. */
export function isLocked(out: string): boolean {
  try {
    using file = Deno.openSync(join(out, "runner.lock"));
    return !file.tryLockSync(false);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What `lock.json` keeps for one recipe. */
export interface RecipeLock {
  /** Key of the last result of each step. */
  steps: Record<string, string>;
  /** Published files, below the output folder. */
  published: string[];
}

/**
 * Reads the entry of one recipe; empty when there is none.
 *
 * @throws {Error} when the file is not what this program writes.
 */
export function readLock(out: string, recipe: string): RecipeLock {
  return readLocks(out)[recipe] ?? { steps: {}, published: [] };
}

/** Replaces the entry of one recipe. */
export function writeLock(out: string, recipe: string, lock: RecipeLock): void {
  // Sorted, for steps that run beside each other are done in any order.
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
 * @throws {Error} when the file is not what this program writes.
 */
export function readLocks(out: string): Record<string, RecipeLock> {
  const text = readIfPresent(lockPath(out));
  if (text === undefined) return {};
  try {
    const { format, recipes } = JSON.parse(text);
    const entries = Object.values(recipes as Record<string, RecipeLock>);
    const sound = entries.every(({ steps, published }) =>
      Object.values(steps).every((key) => typeof key === "string") && Array.isArray(published)
    );
    if (format === 1 && sound) return recipes;
  } catch {
    // not JSON, or not of this form: told below
  }
  throw new Error(
    `${
      lockPath(out)
    } is damaged; delete it: no results are lost, only the notes on what changed last`,
  );
}

/**
 * Folders that are complete or absent: filled under a hidden name beside their place, then renamed. What a killed process
 * leaves is recognized by a file that no process has locked.
 *
 * @module
 */
import { openFileSync } from "../words/mod.ts";
import { basename, dirname, join, resolve } from "node:path";
import { removeIfPresent, syncFolder } from "./atomic.ts";
import { listFolders } from "./store.ts";

/** Locked in a folder that is being filled. The operating system unlocks it when the process ends, however it ends. */
const LOCK = ".causeway-partial";
const NAME = /^\..*-partial[^.]+$/;
/** Characters of the folder's name that are kept, so that the hidden name is not too long. */
const KEPT = 100;

/** A folder being filled. Without `commit` it is removed at the end of its scope. */
export class PartialFolder implements Disposable {
  /** Where to write. */
  readonly path: string;
  readonly #lock: Deno.FsFile;

  constructor(private readonly target: string) {
    const dir = dirname(resolve(target));
    Deno.mkdirSync(dir, { recursive: true });
    const prefix = `.${basename(target).slice(0, KEPT)}-partial`;
    this.path = Deno.makeTempDirSync({ dir, prefix });
    this.#lock = openFileSync(join(this.path, LOCK), { write: true, create: true });
    this.#lock.lockSync(true);
  }

  /** Puts the folder in its place, instead of what is there. */
  commit(): void {
    if (Deno.build.os !== "windows") Deno.chmodSync(this.path, 0o755);
    removeIfPresent(join(this.path, LOCK));
    syncFolder(this.path);
    removeIfPresent(this.target);
    Deno.renameSync(this.path, this.target);
    syncFolder(dirname(resolve(this.target)));
  }

  [Symbol.dispose](): void {
    this.#lock.close();
    removeIfPresent(this.path);
  }
}

/** Paths of folders in `dir` that a killed process was filling. */
export function abandonedFolders(dir: string): string[] {
  return listFolders(dir).filter((name) => NAME.test(name)).map((name) => join(dir, name))
    .filter(isAbandoned);
}

function isAbandoned(path: string): boolean {
  try {
    using lock = openFileSync(join(path, LOCK), { read: true, write: true });
    return lock.tryLockSync(true);
  } catch {
    return false; // it is another program's, or was just finished
  }
}

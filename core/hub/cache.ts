/**
 * The cache of one data set on disk, laid out as by Python's `huggingface_hub`, so that either finds what the
 * other downloaded:
 *
 *     .locks/datasets--org--name/<digest>.lock    held by who downloads
 *     datasets--org--name/
 *       refs/<branch or tag>                      the commit where it last stood
 *       trees/<commit>.json                       all files of a commit
 *       blobs/<digest>                            content
 *       snapshots/<commit>/<path>                 link to the content
 *
 * @module
 */
import { dirname, join, relative } from "node:path";
import { parseTree, type Tree, treeText } from "./tree.ts";
import type { RepoType } from "./location.ts";
import { type HubSettings, sleep } from "./options.ts";

const LOCK_POLL_MS = 50;

/** Files and folders of one data set. */
export class RepoCache {
  readonly #folder: string;
  readonly #locks: string;

  /** @param repo a name that `parseHubUrl` let pass. */
  constructor(root: string, repo: string, type: RepoType = "dataset") {
    const name = `${type}s--${repo.replaceAll("/", "--")}`;
    this.#folder = join(root, name);
    this.#locks = join(root, ".locks", name);
  }

  /** Where content is kept. */
  blob(hex: string): string {
    return join(this.#folder, "blobs", hex);
  }

  /** Where a file of a commit is found. */
  snapshotPath(commit: string, path: string): string {
    return join(this.#folder, "snapshots", commit, path);
  }

  /** The commit at which a branch or tag last stood, and how long ago. */
  async readRef(revision: string): Promise<{ commit: string; age_ms: number } | undefined> {
    const path = join(this.#folder, "refs", revision);
    const commit = (await readIfPresent(path))?.trim();
    if (commit === undefined) return undefined;
    const written = (await Deno.stat(path)).mtime?.getTime() ?? 0;
    // A clock set back must not keep it forever.
    return { commit, age_ms: Math.abs(Date.now() - written) };
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    // Python's tools take a ref without this folder for damage.
    await Deno.mkdir(join(this.#folder, "snapshots", commit), { recursive: true });
    await writeAtomic(join(this.#folder, "refs", revision), commit);
  }

  /** The files of a commit; undefined when their list is absent or not of the form that is known. */
  async readTree(commit: string): Promise<Tree | undefined> {
    const text = await readIfPresent(join(this.#folder, "trees", `${commit}.json`));
    return text === undefined ? undefined : parseTree(text);
  }

  async writeTree(commit: string, tree: Tree): Promise<void> {
    await writeAtomic(join(this.#folder, "trees", `${commit}.json`), treeText(tree));
  }

  /**
   * Makes content the file of a commit: a relative symbolic link; a hard link or the content itself where links
   * are not to be had (file systems, permissions).
   */
  async link(hex: string, commit: string, path: string): Promise<string> {
    const blob = this.blob(hex);
    const file = this.snapshotPath(commit, path);
    await Deno.mkdir(dirname(file), { recursive: true });
    const temporary = temporaryName(file);
    await Deno.symlink(relative(dirname(file), blob), temporary)
      .catch(() => Deno.link(blob, temporary))
      .catch(() => Deno.rename(blob, temporary));
    await Deno.rename(temporary, file);
    return file;
  }

  /**
   * Waits for a lock, which the operating system drops when its process ends. Where locks do not work, as on some
   * network file systems, the check of digests still keeps damaged files out.
   */
  async lock(name: string, what: string, settings: HubSettings): Promise<Disposable> {
    const path = join(this.#locks, `${name}.lock`);
    await Deno.mkdir(this.#locks, { recursive: true });
    const file = await Deno.open(path, { create: true, write: true });
    try {
      for (let tries = 0; !file.tryLockSync(true); tries++) {
        if (tries === 20) settings.log(`waiting for another download of ${what}`);
        await sleep(LOCK_POLL_MS, settings.signal);
      }
    } catch (error) {
      file.close();
      throw error;
    }
    return { [Symbol.dispose]: () => file.close() }; // closing unlocks
  }
}

/** Size in bytes, of what a link points at; undefined when there is nothing. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function writeAtomic(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const temporary = temporaryName(path);
  await Deno.writeTextFile(temporary, text);
  await Deno.rename(temporary, path);
}

function temporaryName(path: string): string {
  return `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
}

/**
 * The cache of one repository on disk, with the layout of Python's `huggingface_hub`, so that both find what the other
 * downloaded:
 *
 *     .locks/datasets--org--name/<digest>.lock    locked during a download
 *     datasets--org--name/
 *       refs/<branch or tag>                      its last known commit
 *       trees/<commit>.json                       all files of a commit
 *       blobs/<digest>                            content
 *       snapshots/<commit>/<path>                 link to the content
 *
 * Listings come from outside, from the hub or another program, and are checked.
 *
 * @module
 */
import { openFile } from "../words/mod.ts";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import { sleep } from "../net/mod.ts";
import type { RepoType } from "./location.ts";
import type { HubSettings } from "./options.ts";

const LOCK_POLL_MS = 50;

const SHA1 = z.string().regex(/^[0-9a-f]{40}$/);
const SHA256 = z.string().regex(/^[0-9a-f]{64}$/);
const BYTES = z.int().nonnegative();

/** One file, with the field names of Python's `huggingface_hub`. */
const file_schema = z.object({
  size: BYTES,
  /** SHA-1 of the git object; for files in large file storage (LFS) that is only a pointer. */
  blob_id: SHA1,
  lfs_sha256: SHA256.nullish(),
  lfs_size: BYTES.nullish(),
  xet_hash: z.string().nullish(),
});

/** An entry of the hub's listing. */
const entry_schema = z.object({
  type: z.string(),
  path: z.string(),
  oid: SHA1,
  size: BYTES,
  lfs: z.object({ oid: SHA256, size: BYTES }).nullish(),
  xetHash: z.string().nullish(),
});

export type TreeFile = z.output<typeof file_schema>;

/** Files by path. */
export type Tree = ReadonlyMap<string, TreeFile>;

/** Path and file of one entry of the hub's listing; undefined for folders. */
export function parseEntry(entry: unknown): [path: string, file: TreeFile] | undefined {
  const { type, path, oid, size, lfs, xetHash } = entry_schema.parse(entry);
  if (type !== "file") return undefined;
  return [path, {
    size: lfs?.size ?? size,
    blob_id: oid,
    ...(lfs ? { lfs_sha256: lfs.oid, lfs_size: lfs.size } : {}),
    ...(xetHash ? { xet_hash: xetHash } : {}),
  }];
}

/** The files of a listing in the cache; undefined for an unknown form. */
export function parseTree(text: string): Tree | undefined {
  try {
    const { format_version, files } = JSON.parse(text);
    if (format_version !== 1) return undefined;
    // One by one: z.record would drop a file named __proto__.
    return new Map(Object.entries(files).map(([path, file]) => [path, file_schema.parse(file)]));
  } catch {
    return undefined;
  }
}

/** A listing as the cache stores it. */
export function treeText(tree: Tree): string {
  const files = Object.fromEntries([...tree].toSorted(byPath));
  return JSON.stringify({ format_version: 1, files }, undefined, 1);
}

/** Sorts by code unit, independent of the locale. */
export function byPath([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The cached files of one repository. */
export class RepoCache {
  readonly #folder: string;
  readonly #locks: string;

  /** @param repo a name that `parseHubUrl` accepted. */
  constructor(root: string, repo: string, type: RepoType = "dataset") {
    const name = `${type}s--${repo.replaceAll("/", "--")}`;
    this.#folder = join(root, name);
    this.#locks = join(root, ".locks", name);
  }

  /** Path of the content with a digest. */
  blob(hex: string): string {
    return join(this.#folder, "blobs", hex);
  }

  /** Path of a file of a commit. */
  snapshotPath(commit: string, path: string): string {
    return join(this.#folder, "snapshots", commit, path);
  }

  /** The last known commit of a branch or tag, and the age of that knowledge. */
  async readRef(revision: string): Promise<{ commit: string; age_ms: number } | undefined> {
    const path = join(this.#folder, "refs", revision);
    const commit = (await readIfPresent(path))?.trim();
    if (commit === undefined) return undefined;
    const written = (await Deno.stat(path)).mtime?.getTime() ?? 0;
    // If the clock was set back, it must not stay valid forever.
    return { commit, age_ms: Math.abs(Date.now() - written) };
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    // Python's tools treat a ref without this folder as damage.
    await Deno.mkdir(join(this.#folder, "snapshots", commit), { recursive: true });
    await writeAtomic(join(this.#folder, "refs", revision), commit);
  }

  /** The files of a commit; undefined if their list is absent or has an unknown form. */
  async readTree(commit: string): Promise<Tree | undefined> {
    const text = await readIfPresent(join(this.#folder, "trees", `${commit}.json`));
    return text === undefined ? undefined : parseTree(text);
  }

  async writeTree(commit: string, tree: Tree): Promise<void> {
    await writeAtomic(join(this.#folder, "trees", `${commit}.json`), treeText(tree));
  }

  /**
   * Makes content a file of a commit: by a relative symbolic link, or else a hard link, or else by moving it (some file
   * systems and permissions do not allow links).
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
   * Waits for a lock, which the operating system releases when its process ends. On network file systems without locks
   * the check of digests still keeps damaged files out.
   */
  async lock(name: string, what: string, settings: HubSettings): Promise<Disposable> {
    const path = join(this.#locks, `${name}.lock`);
    await Deno.mkdir(this.#locks, { recursive: true });
    const file = await openFile(path, { create: true, write: true });
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

/** Size in bytes of a file or of a link's target; undefined if there is none. */
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
  {
    using file = await openFile(temporary, { write: true, createNew: true });
    await writeAll(file, new TextEncoder().encode(text));
    await file.syncData();
  }
  await Deno.rename(temporary, path);
}

export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let n = 0; n < bytes.length;) n += await file.write(bytes.subarray(n));
}

function temporaryName(path: string): string {
  return `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
}

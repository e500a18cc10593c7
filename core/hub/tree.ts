/**
 * The files of a commit, as the hub lists them and as the cache keeps them. Both come from outside and are
 * checked.
 *
 * @module
 */
import { z } from "zod";

const SHA1 = z.string().regex(/^[0-9a-f]{40}$/);
const SHA256 = z.string().regex(/^[0-9a-f]{64}$/);
const BYTES = z.int().nonnegative();

/** One file, in the names that Python's `huggingface_hub` gives the fields. */
const TREE_FILE = z.object({
  size: BYTES,
  /** SHA-1 of the git object, which for files in large file storage (LFS) is only a pointer. */
  blob_id: SHA1,
  lfs_sha256: SHA256.nullish(),
  lfs_size: BYTES.nullish(),
  xet_hash: z.string().nullish(),
});

/** Entries of the hub's answer; folders have no size that matters. */
const ENTRY = z.object({
  type: z.string(),
  path: z.string(),
  oid: SHA1,
  size: BYTES,
  lfs: z.object({ oid: SHA256, size: BYTES }).nullish(),
  xetHash: z.string().nullish(),
});

export type TreeFile = z.infer<typeof TREE_FILE>;

/** Files by path. */
export type Tree = ReadonlyMap<string, TreeFile>;

/** The file of one entry of the hub's listing, with its path; undefined for folders. */
export function parseEntry(entry: unknown): [path: string, file: TreeFile] | undefined {
  const { type, path, oid, size, lfs, xetHash } = ENTRY.parse(entry);
  if (type !== "file") return undefined;
  return [path, {
    size: lfs?.size ?? size,
    blob_id: oid,
    ...(lfs ? { lfs_sha256: lfs.oid, lfs_size: lfs.size } : {}),
    ...(xetHash ? { xet_hash: xetHash } : {}),
  }];
}

/** The files that a listing in the cache names; undefined when it is not of the form that is known. */
export function parseTree(text: string): Tree | undefined {
  try {
    const { format_version, files } = JSON.parse(text);
    if (format_version !== 1) return undefined;
    // One by one: a schema of a record would drop a file named __proto__.
    return new Map(Object.entries(files).map(([path, file]) => [path, TREE_FILE.parse(file)]));
  } catch {
    return undefined;
  }
}

/** What the cache keeps of a listing. */
export function treeText(tree: Tree): string {
  const files = Object.fromEntries([...tree].toSorted(byPath));
  return JSON.stringify({ format_version: 1, files }, undefined, 1);
}

/** Order of code units, which no locale changes. */
export function byPath([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Artifacts: what a step writes to one output port.
 *
 * @module
 */
import { extname } from "node:path";
import { readBatches } from "../arrow/mod.ts";

/** A stored object. */
export interface StoredObject {
  /** SHA-256 of its bytes, hex; also its name in the store. */
  digest: string;
  bytes: number;
}

/**
 * One output of a finished step. `digest` is that of an Arrow table: the table itself, the list of its files where
 * it has several, or the list of the files of a files port.
 */
export interface Artifact {
  kind: "table" | "files";
  digest: string;
  /** Rows of the table; for a files port the number of files. */
  rows: number;
  /** Size of the table; for a files port the size of the files together. */
  bytes: number;
  /** Number of files of a table that has several. */
  shards?: number;
  /** Of a table: fingerprint of the tokenizer that its token ids, or what was measured on them, are of. */
  tokenizer?: string;
}

/** The Arrow table behind a files port, one row per file, sorted by name. */
export const FILE_COLUMNS = {
  name: "utf8",
  sha256: "utf8",
  bytes: "float64",
  media_type: "utf8",
} as const;

/** The Arrow table behind a table of several files, one row per file, in order. */
export const SHARD_COLUMNS = { sha256: "utf8", bytes: "float64", rows: "float64" } as const;

/** A file of a files port. */
export interface FileEntry extends StoredObject {
  name: string;
}

/** Reads the file list of a files artifact. */
export async function fileEntries(table_path: string): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  for await (const batch of readBatches(table_path, FILE_COLUMNS)) {
    batch.name.forEach((name, i) =>
      entries.push({ name, digest: batch.sha256[i], bytes: batch.bytes[i] })
    );
  }
  return entries;
}

/** The Arrow files of a table artifact, in order. */
export async function tableObjects(
  { digest, bytes, shards }: Artifact,
  table_path: string,
): Promise<StoredObject[]> {
  if (shards === undefined) return [{ digest, bytes }];
  const objects: StoredObject[] = [];
  for await (const batch of readBatches(table_path, SHARD_COLUMNS)) {
    batch.sha256.forEach((digest, i) => objects.push({ digest, bytes: batch.bytes[i] }));
  }
  return objects;
}

/** All objects of an artifact but the table that its digest names. */
export async function artifactObjects(
  artifact: Artifact,
  table_path: string,
): Promise<StoredObject[]> {
  if (artifact.kind === "files") return await fileEntries(table_path);
  return artifact.shards === undefined ? [] : await tableObjects(artifact, table_path);
}

const MEDIA_TYPES: Record<string, string> = {
  ".arrow": "application/vnd.apache.arrow.file",
  ".csv": "text/csv",
  ".html": "text/html",
  ".json": "application/json",
  ".jsonl": "application/jsonl",
  ".md": "text/markdown",
  ".onnx": "application/onnx",
  ".png": "image/png",
  ".safetensors": "application/safetensors",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
};

/** Media type by file name extension. */
export function mediaType(name: string): string {
  return MEDIA_TYPES[extname(name)] ?? "application/octet-stream";
}

/**
 * Checks that a file name stays inside its folder on every system.
 *
 * @throws {TypeError} for an empty name, an absolute path, "..", a character outside letters, digits and `._+-`, or
 *   more characters than a file system allows, with an ending while it is written.
 */
export function assertFileName(name: string): void {
  const parts = name.split("/");
  if (parts.every((part) => /^[\w.+-]{1,240}$/.test(part) && part !== "." && part !== "..")) return;
  throw new TypeError(
    `"${name}" is not a usable file name: use at most 240 letters, digits and ._+- with "/" between folders`,
  );
}

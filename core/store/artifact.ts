/**
 * Artifacts: what a step leaves on one output port.
 *
 * @module
 */
import { extname } from "node:path";
import { readBatches } from "./arrow_decode.ts";

/** A stored object. */
export interface StoredObject {
  /** SHA-256 of its bytes, hex; also its name in the store. */
  digest: string;
  bytes: number;
}

/** One output of a finished step. `digest` is that of the Arrow table, which lists the files of a files port. */
export interface Artifact {
  kind: "table" | "files";
  digest: string;
  /** Rows of the table; for a files port the number of files. */
  rows: number;
  /** Size of the table; for a files port the size of the files together. */
  bytes: number;
}

/** The Arrow table behind a files port, one row per file, sorted by name. */
export const FILE_COLUMNS = {
  name: "utf8",
  sha256: "utf8",
  bytes: "float64",
  media_type: "utf8",
} as const;

/** A file of a files port. */
export interface FileEntry extends StoredObject {
  name: string;
}

/** Reads the file list of a files artifact. */
export async function artifactObjects(table_path: string): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  for await (const batch of readBatches(table_path, FILE_COLUMNS)) {
    batch.name.forEach((name, i) =>
      entries.push({ name, digest: batch.sha256[i], bytes: batch.bytes[i] })
    );
  }
  return entries;
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
 * @throws {TypeError} for an empty name, an absolute path, "..", or a character outside letters, digits and `._+-`.
 */
export function assertFileName(name: string): void {
  const parts = name.split("/");
  if (parts.every((part) => /^[\w.+-]+$/.test(part) && part !== "." && part !== "..")) return;
  throw new TypeError(
    `"${name}" is not a usable file name: use letters, digits and ._+- with "/" between folders`,
  );
}

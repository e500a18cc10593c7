/**
 * Files ports on the store.
 *
 * @module
 */
import type { FileOnDisk, FilesInput, FilesOutput } from "../stage/mod.ts";
import { type Artifact, assertFileName, FILE_COLUMNS, fileEntries } from "./artifact.ts";
import { type FileEntry, mediaType, type StoredObject } from "./artifact.ts";
import type { Store } from "./store.ts";
import { writeTable } from "./table_io.ts";

/**
 * Reads a files artifact.
 *
 * @param origin what is being read, for messages.
 */
export async function openFiles(
  store: Store,
  artifact: Artifact,
  origin: string,
): Promise<FilesInput> {
  const entries = await fileEntries(store.objectPath(artifact.digest));
  const paths = new Map(entries.map(({ name, digest }) => [name, store.objectPath(digest)]));
  const path = (name: string): string => {
    const found = paths.get(name);
    if (found) return found;
    throw new Error(`${origin} has no file "${name}"; it has ${[...paths.keys()].join(", ")}`);
  };
  return {
    digest: artifact.digest,
    names: [...paths.keys()],
    path,
    bytes: async (name) => await Deno.readFile(path(name)),
    text: async (name) => await Deno.readTextFile(path(name)),
  };
}

/** Writes a files artifact; `close` makes it one. */
export class StoredFilesOutput implements FilesOutput {
  readonly #entries = new Map<string, FileEntry>();

  constructor(private readonly store: Store) {}

  get written(): boolean {
    return this.#entries.size > 0;
  }

  // deno-lint-ignore require-await -- errors must reject, not throw
  async write(name: string, content: Uint8Array | string | FileOnDisk): Promise<void> {
    assertFileName(name);
    if (this.#entries.has(name)) throw new Error(`file "${name}" was written already`);
    this.#entries.set(name, { name, ...this.#put(content) });
  }

  #put(content: Uint8Array | string | FileOnDisk): StoredObject {
    if (typeof content === "string") return this.store.put(new TextEncoder().encode(content));
    return content instanceof Uint8Array
      ? this.store.put(content)
      : this.store.putFile(content.path);
  }

  /** Stores the list of files, sorted by name. */
  async close(): Promise<Artifact> {
    const entries = [...this.#entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const list = await writeTable(this.store, FILE_COLUMNS, {
      name: entries.map((entry) => entry.name),
      sha256: entries.map((entry) => entry.digest),
      bytes: Float64Array.from(entries, (entry) => entry.bytes),
      media_type: entries.map((entry) => mediaType(entry.name)),
    });
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    return { ...list, kind: "files", bytes };
  }

  abort(): void {}
}

/**
 * Reads and writes the ports of a step on the store: tables and files.
 *
 * @module
 */
import {
  type Batch,
  type ColumnData,
  type Columns,
  type FileOnDisk,
  type FilesInput,
  type FilesOutput,
  type ListNames,
  type ListReader,
  type Port,
  refuseNaN,
  type TableInput,
  type TableOutput,
} from "../stage/mod.ts";
import { ArrowEncoder, ListColumnReader, readBatches, readColumn } from "../arrow/mod.ts";
import {
  type Artifact,
  assertFileName,
  FILE_COLUMNS,
  fileEntries,
  type FileEntry,
  mediaType,
  SHARD_COLUMNS,
  type StoredObject,
  tableObjects,
} from "./artifact.ts";
import type { ObjectWriter, Store } from "./store.ts";

/** A file of a table ends with the record batch that takes it to this size, and the next begins. */
export const SHARD_BYTES = 256 << 20;

/** Paths of the Arrow files of a table, in order. */
export async function tablePaths(store: Store, artifact: Artifact): Promise<string[]> {
  const objects = await tableObjects(artifact, store.objectPath(artifact.digest));
  return objects.map(({ digest }) => store.objectPath(digest));
}

/**
 * Reads a table artifact.
 *
 * @param columns the columns that are visible.
 * @param origin what is being read, for messages.
 */
export async function openTable<C extends Columns>(
  store: Store,
  artifact: Artifact,
  columns: C,
  origin: string,
): Promise<TableInput<C>> {
  const paths = await tablePaths(store, artifact);
  const declared = (name: string) => {
    if (name in columns) return columns[name];
    const known = Object.keys(columns).join(", ");
    throw new TypeError(`${origin} declares no column "${name}"; its columns are ${known}`);
  };
  return {
    rows: artifact.rows,
    digest: artifact.digest,
    tokenizer: artifact.tokenizer,
    batches<K extends keyof C & string>(names?: readonly K[]) {
      const all = names ?? Object.keys(columns);
      const wanted = Object.fromEntries(all.map((name) => [name, declared(name)]));
      return readBatches(paths, wanted as Pick<C, K>, origin);
    },
    column<K extends keyof C & string>(name: K): Promise<ColumnData<C[K]>> {
      return readColumn(paths, name, declared(name) as C[K], origin);
    },
    // deno-lint-ignore require-await -- errors must reject, not throw
    async list<K extends ListNames<C>>(name: K) {
      const list = new ListColumnReader(paths, name, declared(name), origin);
      return list as unknown as ListReader<ColumnData<C[K]>>;
    },
  };
}

/** Reads the artifact of a port. */
export function openArtifact(
  store: Store,
  port: Port,
  artifact: Artifact,
  origin: string,
): Promise<TableInput | FilesInput> {
  return port.kind === "table"
    ? openTable(store, artifact, port.columns, origin)
    : openFiles(store, artifact, origin);
}

/** Writes a table artifact; `close` completes it. */
export class StoredTableOutput<C extends Columns> implements TableOutput<C> {
  /** Whether anything was written, even if it has no rows. */
  written = false;
  #encoder?: ArrowEncoder;
  #object?: ObjectWriter;
  readonly #shards: (StoredObject & { rows: number })[] = [];
  readonly #shard_bytes: number;

  /** @param options.shard_bytes for tests. */
  constructor(
    private readonly store: Store,
    private readonly columns: C,
    options: { shard_bytes?: number } = {},
  ) {
    this.#shard_bytes = options.shard_bytes ?? SHARD_BYTES;
  }

  // deno-lint-ignore require-await -- errors must reject, not throw
  async write(batch: Batch<C>): Promise<void> {
    this.written = true;
    const encoder = this.#start();
    refuseNaN(this.columns, batch as Batch<Columns>, encoder.rows);
    encoder.write(batch as Batch<Columns>);
  }

  /** Completes the table. Of a table of several files, the artifact is the list of them. */
  async close(): Promise<Artifact> {
    const encoder = this.#start();
    encoder.finish();
    if (this.#object) this.#endShard(encoder.rows);
    const bytes = this.#shards.reduce((sum, shard) => sum + shard.bytes, 0);
    const table = { kind: "table", rows: encoder.rows, bytes } as const;
    if (this.#shards.length === 1) return { ...table, digest: this.#shards[0].digest };
    const { digest } = await writeTable(this.store, SHARD_COLUMNS, {
      sha256: this.#shards.map(({ digest }) => digest),
      bytes: Float64Array.from(this.#shards, (shard) => shard.bytes),
      rows: Float64Array.from(this.#shards, (shard) => shard.rows),
    });
    return { ...table, digest, shards: this.#shards.length };
  }

  /** Discards the table. */
  abort(): void {
    this.#object?.abort();
  }

  #start(): ArrowEncoder {
    return this.#encoder ??= new ArrowEncoder(
      this.columns,
      (bytes) => (this.#object ??= this.store.newObject()).write(bytes),
      (encoder) => {
        if (this.#object!.bytes < this.#shard_bytes) return;
        encoder.endFile();
        this.#endShard(encoder.written_rows);
      },
    );
  }

  /** @param rows rows of the table so far. */
  #endShard(rows: number): void {
    const before = this.#shards.reduce((sum, shard) => sum + shard.rows, 0);
    this.#shards.push({ ...this.#object!.commit(), rows: rows - before });
    this.#object = undefined;
  }
}

/** Writes a table of one batch; if that fails, nothing of it is left. */
export async function writeTable<C extends Columns>(
  store: Store,
  columns: C,
  batch: Batch<C>,
): Promise<Artifact> {
  const table = new StoredTableOutput(store, columns);
  try {
    await table.write(batch);
    return await table.close();
  } catch (error) {
    table.abort();
    throw error;
  }
}

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
    throw new Error(
      `${origin} has no file "${name}"; its files are ${[...paths.keys()].join(", ")}`,
    );
  };
  return {
    digest: artifact.digest,
    names: [...paths.keys()],
    path,
    bytes: async (name) => await Deno.readFile(path(name)),
    text: async (name) => await Deno.readTextFile(path(name)),
  };
}

/** Writes a files artifact; `close` completes it. */
export class StoredFilesOutput implements FilesOutput {
  readonly #entries = new Map<string, FileEntry>();

  constructor(private readonly store: Store) {}

  get written(): boolean {
    return this.#entries.size > 0;
  }

  // deno-lint-ignore require-await -- errors must reject, not throw
  async write(name: string, content: Uint8Array | string | FileOnDisk): Promise<void> {
    assertFileName(name);
    if (this.#entries.has(name)) throw new Error(`file "${name}" is already written`);
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

/**
 * Table ports on the store.
 *
 * @module
 */
import type {
  Batch,
  ColumnData,
  Columns,
  ListNames,
  ListReader,
  TableInput,
  TableOutput,
} from "../stage/mod.ts";
import { ArrowEncoder, ListColumnReader, readBatches, readColumn } from "../arrow/mod.ts";
import { type Artifact, SHARD_COLUMNS, type StoredObject, tableObjects } from "./artifact.ts";
import type { ObjectWriter, Store } from "./store.ts";

/** A file of a table ends with the record batch that takes it to this size, and another begins. */
export const SHARD_BYTES = 256 << 20;

/** Reads a table artifact, of which `columns` are visible. */
export async function openTable<C extends Columns>(
  store: Store,
  artifact: Artifact,
  columns: C,
  origin: string,
): Promise<TableInput<C>> {
  const objects = await tableObjects(artifact, store.objectPath(artifact.digest));
  const paths = objects.map(({ digest }) => store.objectPath(digest));
  const declared = (name: string) => {
    if (name in columns) return columns[name];
    const known = Object.keys(columns).join(", ");
    throw new TypeError(`${origin} declares no column "${name}"; it declares ${known}`);
  };
  return {
    rows: artifact.rows,
    digest: artifact.digest,
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

/** Writes a table artifact; `close` makes it one. */
export class StoredTableOutput<C extends Columns> implements TableOutput<C> {
  /** Whether anything was written, be it no rows. */
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
    this.#start().write(batch as Batch<Columns>);
  }

  /** Ends the table and stores it: a table of several files as the list of them. */
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

  /** Drops the table. */
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

/** Writes a table of one batch; nothing of it is left where that fails. */
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

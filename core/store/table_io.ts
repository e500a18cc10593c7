/**
 * Table ports on the store.
 *
 * @module
 */
import type { Batch, ColumnData, Columns, TableInput, TableOutput } from "../stage/mod.ts";
import { readBatches, readColumn } from "./arrow_decode.ts";
import { ArrowEncoder } from "./arrow_encode.ts";
import type { Artifact } from "./artifact.ts";
import type { ObjectWriter, Store } from "./store.ts";

/** Reads a table artifact, of which `columns` are visible. */
export function openTable<C extends Columns>(
  store: Store,
  artifact: Artifact,
  columns: C,
  origin: string,
): TableInput<C> {
  const path = store.objectPath(artifact.digest);
  return {
    rows: artifact.rows,
    digest: artifact.digest,
    batches: () => readBatches(path, columns, origin),
    column<K extends keyof C & string>(name: K): Promise<ColumnData<C[K]>> {
      if (!(name in columns)) {
        const known = Object.keys(columns).join(", ");
        throw new TypeError(`${origin} declares no column "${name}"; it declares ${known}`);
      }
      return readColumn(path, name, columns[name], origin);
    },
  };
}

/** Writes a table artifact; `close` makes it one. */
export class StoredTableOutput<C extends Columns> implements TableOutput<C> {
  /** Whether anything was written, be it no rows. */
  written = false;
  #encoder?: ArrowEncoder;
  #object?: ObjectWriter;

  constructor(private readonly store: Store, private readonly columns: C) {}

  // deno-lint-ignore require-await -- errors must reject, not throw
  async write(batch: Batch<C>): Promise<void> {
    this.written = true;
    this.#start().write(batch as Batch<Columns>);
  }

  /** Ends the table and stores it. */
  close(): Artifact {
    const encoder = this.#start();
    encoder.finish();
    return { kind: "table", rows: encoder.rows, ...this.#object!.commit() };
  }

  /** Drops the table. */
  abort(): void {
    this.#object?.abort();
  }

  #start(): ArrowEncoder {
    const object = this.#object ??= this.store.newObject();
    return this.#encoder ??= new ArrowEncoder(this.columns, (bytes) => object.write(bytes));
  }
}

/**
 * Leaves columns out of an Arrow file's metadata before it is decoded, so that only the wanted ones are decoded and
 * decompressed, and types that the library does not know do no harm in the others.
 *
 * @module
 */
import type { FlatTable } from "./flat_table.ts";

/** The names of the wanted columns of a file, given all. */
export type ChooseColumns = (present: readonly string[]) => readonly string[];

/** Type of a message's header. */
export const MESSAGE_TYPES = { schema: 1, dictionary_batch: 2, record_batch: 3 } as const;

/** Types of fields in the metadata (Schema.fbs) that need a name here. */
const UNION = 14, RUN_END_ENCODED = 22, LIST_VIEW = 25, LARGE_LIST_VIEW = 26;

/** Buffers of a column of each type in Schema.fbs, without its children; views have further ones. */
const BUFFERS = [0, 0, 2, 2, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 2, 1, 2, 2, 3, 3, 2, 0, 2, 2, 3, 3];
const VIEWS = [23, 24];
const UNSUPPORTED = new Map([
  [RUN_END_ENCODED, "RunEndEncoded"],
  [LIST_VIEW, "ListView"],
  [LARGE_LIST_VIEW, "LargeListView"],
]);

/** What a column takes in the metadata of each batch. */
interface Extent {
  nodes: number;
  buffers: number;
  views: number;
}

/** Applies one choice of columns to the schema, dictionaries and batches of a file. */
export class ColumnFilter {
  #columns: { readonly keep: boolean; readonly extent: Extent }[] | undefined;
  readonly #dictionaries = new Set<number>();

  constructor(readonly choose: ChooseColumns = (present) => present) {}

  /**
   * Leaves the other columns out of a message's metadata.
   *
   * @returns whether the message is needed: not the dictionary of a column that is left out.
   */
  apply(message: FlatTable): boolean {
    const header = message.table(2)!;
    const type = message.byte(1);
    if (type === MESSAGE_TYPES.schema) this.chooseFields(header, message.short(0));
    else if (type === MESSAGE_TYPES.record_batch) this.#keepColumns(header);
    else return this.#dictionaries.has(header.integer(0));
    return true;
  }

  /**
   * Chooses columns, and leaves the others out of the schema.
   *
   * @param version of the metadata; 4 is Arrow 1.0.
   */
  chooseFields(schema: FlatTable, version: number): void {
    // The file format has the schema twice, and in the footer it is read first.
    const fields = schema.tables(1);
    const names = fields.map((field) => field.text(0) ?? "");
    const wanted = new Set(this.choose(names));
    const keep = names.map((name) => wanted.has(name));
    this.#columns = fields.map((field, at) => {
      const extent = { nodes: 0, buffers: 0, views: 0 };
      measure(field, version, extent);
      if (keep[at]) this.#check(field, names[at]);
      return { keep: keep[at], extent };
    });
    schema.keepTables(1, keep);
  }

  /** Checks the types of a wanted column, and keeps its dictionaries. */
  #check(field: FlatTable, name: string): void {
    const type = UNSUPPORTED.get(field.byte(2));
    if (type !== undefined) {
      throw new Error(`column "${name}" has the type ${type}, which is not supported; cast it`);
    }
    const dictionary = field.table(4);
    if (dictionary !== undefined) this.#dictionaries.add(dictionary.integer(0));
    for (const child of field.tables(5)) this.#check(child, name);
  }

  #keepColumns(batch: FlatTable): void {
    const columns = this.#columns;
    if (columns === undefined || columns.every(({ keep }) => keep)) return;
    const views = batch.integers(4);
    let view = 0;
    const [nodes, buffers, counts] = [[], [], []] as boolean[][];
    for (const { keep, extent } of columns) {
      const further = views.slice(view, view + extent.views);
      view += extent.views;
      add(nodes, extent.nodes, keep);
      add(buffers, extent.buffers + further.reduce((sum, count) => sum + count, 0), keep);
      add(counts, extent.views, keep);
    }
    batch.keepItems(1, 16, nodes);
    batch.keepItems(2, 16, buffers);
    batch.keepItems(4, 8, counts);
  }
}

function add(list: boolean[], count: number, keep: boolean): void {
  for (let i = 0; i < count; i++) list.push(keep);
}

/** Adds what a field takes in each batch. A column with a dictionary has indices, and its values are elsewhere. */
function measure(field: FlatTable, version: number, extent: Extent): void {
  extent.nodes++;
  if (field.table(4) !== undefined) {
    extent.buffers += 2;
    return;
  }
  const type = field.byte(2);
  const buffers = type === UNION ? unionBuffers(field, version) : BUFFERS[type];
  if (buffers === undefined) throw new Error(`a column has the unknown type ${type}`);
  extent.buffers += buffers;
  if (VIEWS.includes(type)) extent.views++;
  for (const child of field.tables(5)) measure(child, version, extent);
}

/** Types, offsets if it is dense, and before Arrow 1.0 which values are null. */
function unionBuffers(field: FlatTable, version: number): number {
  const is_dense = field.table(3)?.short(0) === 1;
  return (is_dense ? 2 : 1) + (version < 4 ? 1 : 0);
}

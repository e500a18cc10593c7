/**
 * Writes tables as Arrow IPC files so that equal rows give equal bytes: where record batches end depends on the rows
 * alone, not on the portions in which a stage wrote them.
 *
 * Format: Apache Arrow columnar format 1.5, IPC file; uncompressed, no dictionaries, no metadata. Nullable columns have a
 * validity bitmap in batches with a null, and 0 in place of nulls.
 *
 * @module
 */
import {
  AsyncByteQueue,
  type Data,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  type Schema,
  Struct,
} from "apache-arrow";
import {
  type Batch,
  type Columns,
  type ListColumn,
  nullableElement,
  refuseNaN,
} from "../stage/mod.ts";
import {
  ARRAYS,
  arrowSchema,
  concatLists,
  concatValues,
  type ConcreteType,
  concreteType,
  type ElementType,
  listElement,
  scalarElement,
  type Values,
} from "./schema.ts";

/** A record batch is closed after this many rows … */
export const BATCH_ROWS = 4096;
/** … or after the row with which its values reach this many bytes, so that memory stays bounded. */
export const BATCH_BYTES = 8 << 20;

/** Rows of one column: fixed-width values, or runs of them (lists, and the UTF-8 bytes of strings). */
interface Rows {
  values: Values;
  offsets?: Int32Array;
  /** Of a nullable column: 1 for a value, 0 for a null. */
  valid?: Uint8Array;
}

/** Passes the writer's bytes on at once instead of queueing them in memory. */
class ByteSink extends AsyncByteQueue<Uint8Array> {
  constructor(private readonly take: (bytes: Uint8Array) => void) {
    super();
  }
  override write(chunk: Uint8Array): void {
    if (chunk.byteLength > 0) {
      this.take(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    }
  }
}

/** Encodes one table. Call `write` any number of times, then `finish`. */
export class ArrowEncoder {
  /** Rows written to the encoder so far. */
  rows = 0;
  /** Rows in finished record batches. */
  written_rows = 0;
  readonly #declared: Columns;
  readonly #take: (bytes: Uint8Array) => void;
  readonly #onBatch: (encoder: ArrowEncoder) => void;
  #columns: [name: string, type: ConcreteType][] = [];
  /** Set by the first rows. */
  #schema?: Schema;
  /** Writes the current file. */
  #writer?: RecordBatchFileWriter;
  #pending: Rows[][] = [];
  #pending_rows = 0;
  #pending_bytes = 0;

  /**
   * @param columns names and types, in the order they are written.
   * @param take called with each piece of the file, in order; the bytes are only valid during the call.
   * @param onBatch called after each record batch; may call `endFile`.
   */
  constructor(
    columns: Columns,
    take: (bytes: Uint8Array) => void,
    onBatch: (encoder: ArrowEncoder) => void = () => {},
  ) {
    this.#declared = columns;
    this.#take = take;
    this.#onBatch = onBatch;
  }

  /** The first rows decide how `list<uint16|uint32>` columns are encoded. */
  #start(batch: Batch<Columns> = {}): Schema {
    this.#columns = Object.entries(this.#declared).map(([name, type]) => {
      return [name, concreteType(type, (batch[name] as Partial<ListColumn<Values>>)?.values)];
    });
    this.#pending = this.#columns.map(() => []);
    return this.#schema = arrowSchema(Object.fromEntries(this.#columns));
  }

  /** Setting the schema at once gives a table without rows its header and footer too. */
  #openFile(schema: Schema): RecordBatchFileWriter {
    return this.#writer ??= new RecordBatchFileWriter().reset(new ByteSink(this.#take), schema);
  }

  /**
   * Appends rows.
   *
   * @throws {TypeError} naming the column that is missing, undeclared, of the wrong type or of another length.
   */
  write(batch: Batch<Columns>): void {
    if (!this.#schema) this.#start(batch);
    const { columns, rows } = checkBatch(this.#columns, batch);
    const fixed = columns.reduce((sum, c) => sum + (c.offsets ? 0 : c.values.BYTES_PER_ELEMENT), 0);
    const runs = columns.filter((column) => column.offsets);
    let start = 0;
    for (let row = 0; row < rows; row++) {
      let bytes = fixed;
      for (const { offsets, values } of runs) {
        bytes += (offsets![row + 1] - offsets![row]) * values.BYTES_PER_ELEMENT;
      }
      this.#pending_rows++;
      this.#pending_bytes += bytes;
      if (this.#pending_rows < BATCH_ROWS && this.#pending_bytes < BATCH_BYTES) continue;
      this.#append(columns, start, row + 1);
      this.#flush();
      start = row + 1;
    }
    this.#append(columns, start, rows);
    this.rows += rows;
  }

  /** Writes the last batch and the footer. */
  finish(): void {
    if (!this.#schema) this.#openFile(this.#start());
    else if (this.#pending_rows > 0 || this.rows === 0) this.#flush();
    this.endFile();
  }

  /** Writes the footer; later batches go to another file. */
  endFile(): void {
    this.#writer?.finish();
    this.#writer = undefined;
  }

  /** Copies rows, because the caller may reuse its arrays. */
  #append(columns: Rows[], start: number, end: number): void {
    if (start === end) return;
    columns.forEach(({ values, offsets, valid }, i) => {
      if (!offsets) {
        const part = { values: values.slice(start, end), valid: valid?.slice(start, end) };
        return this.#pending[i].push(part);
      }
      const [first, last] = [offsets[start], offsets[end]];
      this.#pending[i].push({
        values: values.slice(first, last),
        offsets: offsets.slice(start, end + 1).map((offset) => offset - first),
      });
    });
  }

  #flush(): void {
    const schema = this.#schema!;
    const length = this.#pending_rows;
    const writer = this.#openFile(schema);
    if (length === 0) return;
    const children = schema.fields.map((field, i) => {
      const rows = concatRows(this.#pending[i]);
      const type = this.#columns[i][1];
      return arrowData(field.type, type, rows, length);
    });
    const data = makeData({
      type: new Struct(schema.fields),
      length,
      nullCount: 0,
      children,
    });
    writer.write(new RecordBatch(schema, data));
    this.written_rows += length;
    this.#pending = this.#columns.map(() => []);
    this.#pending_rows = this.#pending_bytes = 0;
    this.#onBatch(this);
  }
}

function arrowData(arrow_type: unknown, type: ConcreteType, rows: Rows, length: number): Data {
  const { values, offsets, valid } = rows;
  // deno-lint-ignore no-explicit-any -- makeData is overloaded by type; the schema pairs the types
  const make = makeData as (props: any) => Data;
  const nullCount = valid?.filter((bit) => bit === 0).length ?? 0;
  const common = {
    type: arrow_type,
    length,
    nullCount,
    nullBitmap: nullCount > 0 ? packBits(valid!) : undefined,
  };
  if (type === "bool") return make({ ...common, data: packBits(values) });
  if (type === "utf8") return make({ ...common, valueOffsets: offsets, data: values });
  if (!offsets) return make({ ...common, data: values });
  const item = (arrow_type as { children: { type: unknown }[] }).children[0].type;
  const child = make({ type: item, length: values.length, nullCount: 0, data: values });
  return make({ ...common, valueOffsets: offsets, child });
}

/** Arrow stores booleans as bits, least significant first. */
function packBits(values: Values): Uint8Array {
  const bits = new Uint8Array((values.length + 7) >> 3);
  values.forEach((value, i) => value && (bits[i >> 3] |= 1 << (i & 7)));
  return bits;
}

function concatRows(parts: Rows[]): Rows {
  if (parts.length === 1) return parts[0];
  if (parts[0].offsets) return concatLists(parts as Required<Rows>[]);
  return {
    values: concatValues(parts.map(({ values }) => values)),
    valid: parts[0].valid && concatValues(parts.map(({ valid }) => valid!)),
  };
}

function checkBatch(columns: [string, ConcreteType][], batch: Batch<Columns>) {
  for (const name of Object.keys(batch)) {
    if (!columns.some(([declared]) => declared === name)) {
      const known = columns.map(([declared]) => declared).join(", ");
      throw new TypeError(`column "${name}" is not declared; the port declares ${known}`);
    }
  }
  const checked = columns.map(([name, type]) => toRows(name, type, batch[name]));
  const lengths = checked.map(({ values, offsets }) =>
    offsets ? offsets.length - 1 : values.length
  );
  lengths.forEach((length, i) => {
    if (length !== lengths[0]) {
      throw new TypeError(
        `column "${columns[i][0]}" has ${length} rows where "${columns[0][0]}" has ${lengths[0]}`,
      );
    }
  });
  return { columns: checked, rows: lengths[0] ?? 0 };
}

function toRows(name: string, type: ConcreteType, data: unknown): Rows {
  if (data === undefined) throw new TypeError(`column "${name}" is missing from the batch`);
  if (type === "utf8") return encodeStrings(name, data);
  if (nullableElement(type)) return splitNulls(name, type, data);
  const element = listElement(type);
  if (element) return checkList(name, type, data as ListColumn<Values>);
  const array = ARRAYS[type as ElementType];
  if (!(data instanceof array)) {
    throw new TypeError(`column "${name}" is ${type} and needs a ${array.name}`);
  }
  return { values: data };
}

function encodeStrings(name: string, data: unknown): Rows {
  if (!Array.isArray(data)) throw new TypeError(`column "${name}" is utf8 and needs string[]`);
  const encoder = new TextEncoder();
  const encoded = data.map((text, row) => {
    if (typeof text === "string") return encoder.encode(text);
    throw new TypeError(`column "${name}" has ${text} in row ${row}, not a string`);
  });
  const offsets = new Int32Array(encoded.length + 1);
  encoded.forEach((bytes, row) => offsets[row + 1] = offsets[row] + bytes.length);
  const values = new Uint8Array(offsets[encoded.length]);
  encoded.forEach((bytes, row) => values.set(bytes, offsets[row]));
  return { values, offsets };
}

function splitNulls(name: string, type: ConcreteType, data: unknown): Rows {
  if (!Array.isArray(data)) {
    throw new TypeError(`column "${name}" is ${type} and needs an array of numbers and nulls`);
  }
  const values = new ARRAYS[scalarElement(type)](data.length);
  for (const [row, value] of data.entries()) {
    values[row] = value ?? 0;
    if (value === null || values[row] === value) continue;
    throw new TypeError(`column "${name}" is ${type} and has ${value} in row ${row}`);
  }
  return { values, valid: Uint8Array.from(data, (value) => value === null ? 0 : 1) };
}

function checkList(name: string, type: ConcreteType, data: ListColumn<Values>): Rows {
  const array = ARRAYS[listElement(type)!];
  const { values, offsets } = data;
  if (!(values instanceof array) || !(offsets instanceof Int32Array)) {
    throw new TypeError(
      `column "${name}" is ${type} and needs { values: ${array.name}, offsets: Int32Array }`,
    );
  }
  const ordered = offsets.every((offset, i) => offset >= (i === 0 ? 0 : offsets[i - 1]));
  if (offsets.length === 0 || !ordered || offsets[offsets.length - 1] > values.length) {
    throw new TypeError(
      `column "${name}" needs increasing offsets, one more than rows, from at least 0 to at most ${values.length}`,
    );
  }
  return { values, offsets };
}

/** One table as the bytes of one Arrow file. @throws {TypeError} as `ArrowEncoder.write` and `refuseNaN`. */
export function encodeTable<C extends Columns>(
  columns: C,
  batch: Batch<C>,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const encoder = new ArrowEncoder(columns, (bytes) => parts.push(new Uint8Array(bytes)));
  refuseNaN(columns, batch as Batch<Columns>, 0);
  encoder.write(batch as Batch<Columns>);
  encoder.finish();
  return concatValues(parts);
}

/**
 * Arrow files that other programs wrote: the file format (also called Feather) and the stream format, told apart by
 * their first bytes. Every length in them is checked before it is used.
 *
 * @module
 */
import {
  compressionRegistry,
  CompressionType,
  type RecordBatch,
  RecordBatchReader,
} from "apache-arrow";
import { Footer } from "apache-arrow/footer";
import { zstdDecompressSync } from "node:zlib";
import { type ByteSource, CONTINUATION, HEAD_BYTES, MAGIC, schemaMessage } from "./file.ts";
import { FlatTable } from "./flat_table.ts";
import { type ChooseColumns, ColumnFilter, MESSAGE_TYPES } from "./foreign_columns.ts";
import { type ValueReader, valueReader } from "./foreign_values.ts";
import { expandLz4Frame } from "./lz4_frame.ts";

/** One record batch. */
export interface ForeignBatch {
  readonly rows: number;
  readonly names: readonly string[];
  /** Makes the reader of a column's values. @throws {Error} for damaged buffers and unsupported types. */
  column(name: string): ValueReader;
}

/**
 * Reads record batches one at a time. Bodies may be compressed with Zstandard or LZ4.
 *
 * @param max_expansion largest ratio of expanded to compressed bytes of a buffer over 64 MiB.
 * @param choose names of the columns to decode, of those there are; what it throws is passed on.
 * @throws {Error} for truncated or damaged data, after the batches before it.
 */
export function* foreignBatches(
  source: ByteSource,
  max_expansion: number,
  choose?: ChooseColumns,
): Generator<ForeignBatch, undefined> {
  if (source.size === 0) throw new Error("the file is empty");
  // The library reads one message ahead: a fault waits until the batches before it have been given.
  let fault: unknown;
  function* messages(): Generator<Uint8Array> {
    try {
      yield* arrowMessages(source, new ColumnFilter(choose));
    } catch (error) {
      fault = error;
    }
  }
  expansion_limit = max_expansion;
  const reader = RecordBatchReader.from(messages()).open();
  if (reader.schema === undefined) throw fault ?? new Error("truncated: its schema is missing");
  for (const batch of reader) {
    if (batch.numRows > 0) yield toForeignBatch(batch);
    expansion_limit = max_expansion;
  }
  if (fault !== undefined) throw fault;
}

function toForeignBatch({ numRows: rows, schema, data: { children } }: RecordBatch): ForeignBatch {
  if (children.some(({ length }) => length !== rows)) {
    throw new Error("damaged: columns differ in length");
  }
  const names = schema.fields.map(({ name }) => name);
  return { rows, names, column: (name) => valueReader(children[names.indexOf(name)]) };
}

/** Of the reading that is decoding now: the library's decompressors have no argument for it. */
let expansion_limit = 0;

compressionRegistry.set(CompressionType.ZSTD, {
  decode(bytes) {
    const max_bytes = Math.max(2 ** 26, expansion_limit * bytes.length);
    return zstdDecompressSync(bytes, { maxOutputLength: Math.min(2 ** 30, max_bytes) });
  },
});
compressionRegistry.set(CompressionType.LZ4_FRAME, {
  decode(bytes) {
    const max_bytes = Math.max(2 ** 26, expansion_limit * bytes.length);
    return expandLz4Frame(bytes, Math.min(2 ** 30, max_bytes));
  },
});

/** Length of the footer and magic at the end of the file format. */
const TAIL_BYTES = 10;

/**
 * Yields the bytes of a file's messages one at a time, framed as in the stream format. For the file format these are
 * the footer's schema (some writers put it nowhere else) and the messages that the footer lists; if a file is cut off
 * before the footer, whatever follows the magic.
 *
 * @throws {Error} for a truncated or damaged message or footer, without the file's name.
 */
function* arrowMessages(file: ByteSource, filter: ColumnFilter): Generator<Uint8Array> {
  const is_file = hasMagic(file, 0);
  if (is_file && hasMagic(file, file.size - MAGIC.length)) {
    return yield* indexedMessages(file, filter);
  }
  for (let at = is_file ? HEAD_BYTES : 0; at < file.size;) {
    const message = locate(file, at, file.size, filter);
    if (message === undefined) return;
    yield* message.read();
    at = message.end;
  }
  throw new Error("truncated: its end is missing; fetch or write it again");
}

/** Dictionaries come first: in a file, unlike a stream, a batch may refer to one stored after it. */
function* indexedMessages(file: ByteSource, filter: ColumnFilter): Generator<Uint8Array> {
  const tail = file.size - TAIL_BYTES;
  const end = tail - (tail < HEAD_BYTES ? cutOff() : view(file, tail, 4).getUint32(0, true));
  if (end < HEAD_BYTES) cutOff();
  const footer = view(file, end, tail - end);
  filter.chooseFields(checkFooter(footer), 4);
  const index = Footer.decode(new Uint8Array(footer.buffer));
  yield schemaMessage(index.schema);
  let read_bytes = 0;
  for (const { offset } of [...index.dictionaryBatches(), ...index.recordBatches()]) {
    const message = locate(file, offset, end, filter) ?? cutOff();
    read_bytes += message.end - offset;
    // Otherwise a small footer could make us read one batch any number of times.
    if (read_bytes > file.size) throw new Error("damaged: its footer names a batch twice");
    yield* message.read();
  }
}

/** The message at a position; undefined for the mark that ends a stream. */
function locate(file: ByteSource, at: number, limit: number, filter: ColumnFilter) {
  const first = at + 4 <= limit ? view(file, at, 4).getUint32(0, true) : cutOff();
  // Before Arrow 0.15 there was no continuation mark.
  const prefix = first === CONTINUATION ? 8 : 4;
  if (at + prefix > limit) cutOff();
  const length = prefix === 8 ? view(file, at + 4, 4).getUint32(0, true) : first;
  if (length === 0) return undefined;
  const body = at + prefix + length;
  if (body > limit) cutOff();
  const body_bytes = bodyLength(view(file, at + prefix, length));
  const end = body + body_bytes;
  if (!(body_bytes >= 0 && end <= limit)) cutOff();
  return {
    end,
    *read(): Generator<Uint8Array> {
      const head = file.read(at, body);
      if (!filter.apply(messageOf(new DataView(head.buffer, prefix, length)))) return;
      yield head;
      if (body_bytes > 0) yield file.read(body, end);
    },
  };
}

function hasMagic(file: ByteSource, at: number): boolean {
  if (at < 0 || at + MAGIC.length > file.size) return false;
  return new TextDecoder("latin1").decode(file.read(at, at + MAGIC.length)) === MAGIC;
}

function view(file: ByteSource, at: number, length: number): DataView {
  return new DataView(file.read(at, at + length).buffer);
}

function cutOff(): never {
  throw new Error(
    "truncated or damaged: a message extends beyond the end; fetch or write it again",
  );
}

/** A message's metadata. */
function messageOf(metadata: DataView): FlatTable {
  return new FlatTable(metadata, metadata.getUint32(0, true));
}

/**
 * Length of the body that follows a message's metadata. All vectors must fit in the metadata: the library loops over
 * as many items as their lengths say.
 */
function bodyLength(metadata: DataView): number {
  const message = messageOf(metadata);
  message.checkVector(4, 4);
  const header = message.table(2);
  if (header === undefined) throw new Error("damaged: a message has no header");
  const type = message.byte(1);
  if (type === MESSAGE_TYPES.schema) checkSchema(header);
  else if (type === MESSAGE_TYPES.dictionary_batch) checkBatch(header.table(1));
  else if (type === MESSAGE_TYPES.record_batch) checkBatch(header);
  else throw new Error("damaged: a message has an unknown type");
  return message.integer(3);
}

/** The schema in a footer. */
function checkFooter(bytes: DataView): FlatTable {
  const footer = new FlatTable(bytes, bytes.getUint32(0, true));
  const schema = footer.table(1);
  if (schema === undefined) throw new Error("damaged: its footer has no schema");
  checkSchema(schema);
  // Positions of dictionaries and record batches: offset, length of the metadata, length of the body.
  footer.checkVector(2, 24);
  footer.checkVector(3, 24);
  footer.checkVector(4, 4);
  return schema;
}

function checkBatch(batch: FlatTable | undefined): void {
  if (batch === undefined) throw new Error("damaged: a batch has no header");
  batch.checkVector(1, 16);
  const [, buffers] = batch.checkVector(2, 16);
  // Number of buffers of each column of views.
  if (batch.integers(4).some((count) => !(count >= 0 && count <= buffers))) {
    throw new Error("damaged: a batch claims more buffers than it has");
  }
}

function checkSchema(schema: FlatTable): void {
  schema.checkVector(2, 4);
  schema.checkVector(3, 8);
  let fields = 0;
  const pending = schema.tables(1);
  for (let field = pending.pop(); field !== undefined; field = pending.pop()) {
    // A field takes more bytes than this, so more of them must be a cycle.
    if (++fields > schema.byteLength / 8) throw new Error("damaged: a field contains itself");
    field.checkVector(6, 4);
    pending.push(...field.tables(5));
  }
}

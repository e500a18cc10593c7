/**
 * The messages of an Arrow IPC file or stream, with every length in them checked before it is relied on.
 *
 * @module
 */
import { Message, type Schema } from "apache-arrow";
import { Footer } from "apache-arrow/footer";
import type { FileBytes } from "./file_bytes.ts";

const MAGIC = "ARROW1";
/** Magic and padding at the start of the file format. */
const HEAD_BYTES = 8;
/** Length of the footer and magic at its end. */
const TAIL_BYTES = 10;
const CONTINUATION = 0xffffffff;

/**
 * Gives the bytes of a file's messages, in the framing of the stream format, one at a time. The messages of the
 * file format are those that its footer names, after its schema, which some writers put nowhere else; where a
 * file breaks off before the footer, they are what follows the magic.
 *
 * @throws {Error} for a truncated or damaged message or footer, naming no file.
 */
export function* arrowMessages(file: FileBytes): Generator<Uint8Array> {
  const is_file = hasMagic(file, 0);
  if (is_file && hasMagic(file, file.size - MAGIC.length)) return yield* indexedMessages(file);
  for (let at = is_file ? HEAD_BYTES : 0; at < file.size;) {
    const message = locate(file, at, file.size);
    if (message === undefined) return;
    yield* message.read();
    at = message.end;
  }
  throw new Error("truncated: its end is missing; fetch or write it again");
}

/** Dictionaries come first: in a file, unlike a stream, a batch may refer to one that stands behind it. */
function* indexedMessages(file: FileBytes): Generator<Uint8Array> {
  const tail = file.size - TAIL_BYTES;
  const end = tail - (tail < HEAD_BYTES ? cutOff() : view(file, tail, 4).getUint32(0, true));
  if (end < HEAD_BYTES) cutOff();
  const footer = view(file, end, tail - end);
  checkFooter(footer);
  const index = Footer.decode(new Uint8Array(footer.buffer));
  yield schemaMessage(index.schema);
  let read_bytes = 0;
  for (const { offset } of [...index.dictionaryBatches(), ...index.recordBatches()]) {
    const message = locate(file, offset, end) ?? cutOff();
    read_bytes += message.end - offset;
    // Or a small footer could have one batch read any number of times.
    if (read_bytes > file.size) throw new Error("damaged: its footer names a batch twice");
    yield* message.read();
  }
}

/** A message in the framing of the stream format. */
function schemaMessage(schema: Schema): Uint8Array {
  const metadata = Message.encode(Message.from(schema));
  const padded = Math.ceil(metadata.length / 8) * 8;
  const message = new Uint8Array(8 + padded);
  new DataView(message.buffer).setUint32(0, CONTINUATION, true);
  new DataView(message.buffer).setUint32(4, padded, true);
  message.set(metadata, 8);
  return message;
}

/** The message at a place; undefined for the mark that ends a stream. */
function locate(file: FileBytes, at: number, limit: number) {
  const first = at + 4 <= limit ? view(file, at, 4).getUint32(0, true) : cutOff();
  // Before Arrow 0.15 the length stood alone.
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
      yield file.read(at, body);
      if (body_bytes > 0) yield file.read(body, end);
    },
  };
}

function hasMagic(file: FileBytes, at: number): boolean {
  if (at < 0 || at + MAGIC.length > file.size) return false;
  return new TextDecoder("latin1").decode(file.read(at, at + MAGIC.length)) === MAGIC;
}

function view(file: FileBytes, at: number, length: number): DataView {
  return new DataView(file.read(at, at + length).buffer);
}

function cutOff(): never {
  throw new Error("truncated or damaged: a message runs beyond its end; fetch or write it again");
}

const SCHEMA = 1;
const DICTIONARY_BATCH = 2;
const RECORD_BATCH = 3;

/**
 * Length of the body that follows a message's metadata. All vectors are held against the size of the
 * metadata: the library loops over as many items as their lengths say.
 */
function bodyLength(metadata: DataView): number {
  const message = new FlatTable(metadata, metadata.getUint32(0, true));
  message.checkVector(4, 4);
  const header = message.table(2);
  if (header === undefined) throw new Error("damaged: a message without header");
  const type = message.byte(1);
  if (type === SCHEMA) checkSchema(header);
  else if (type === DICTIONARY_BATCH) checkBatch(header.table(1));
  else if (type === RECORD_BATCH) checkBatch(header);
  else throw new Error("damaged: a message of unknown type");
  return message.integer(3);
}

function checkFooter(bytes: DataView): void {
  const footer = new FlatTable(bytes, bytes.getUint32(0, true));
  const schema = footer.table(1);
  if (schema === undefined) throw new Error("damaged: a footer without schema");
  checkSchema(schema);
  // Places of dictionaries and record batches: offset, length of the metadata, length of the body.
  footer.checkVector(2, 24);
  footer.checkVector(3, 24);
  footer.checkVector(4, 4);
}

function checkBatch(batch: FlatTable | undefined): void {
  if (batch === undefined) throw new Error("damaged: a batch without header");
  batch.checkVector(1, 16);
  const [, buffers] = batch.checkVector(2, 16);
  // How many of the buffers belong to each column of views.
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
    // A field takes more bytes than this, so more of them can only be a cycle.
    if (++fields > schema.byteLength / 8) throw new Error("damaged: fields within themselves");
    field.checkVector(6, 4);
    pending.push(...field.tables(5));
  }
}

/** Reads a FlatBuffers table; every access is held against the buffer's end. */
class FlatTable {
  readonly #view: DataView;
  readonly #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  get byteLength(): number {
    return this.#view.byteLength;
  }

  byte(field: number): number {
    const at = this.#place(field);
    return at === 0 ? 0 : this.#view.getUint8(at);
  }

  integer(field: number): number {
    const at = this.#place(field);
    return at === 0 ? 0 : Number(this.#view.getBigInt64(at, true));
  }

  table(field: number): FlatTable | undefined {
    const at = this.#place(field);
    return at === 0 ? undefined : new FlatTable(this.#view, at + this.#view.getUint32(at, true));
  }

  tables(field: number): FlatTable[] {
    const [start, count] = this.checkVector(field, 4);
    return Array.from({ length: count }, (_, i) => {
      const at = start + 4 * i;
      return new FlatTable(this.#view, at + this.#view.getUint32(at, true));
    });
  }

  integers(field: number): number[] {
    const [start, count] = this.checkVector(field, 8);
    return Array.from(
      { length: count },
      (_, i) => Number(this.#view.getBigInt64(start + 8 * i, true)),
    );
  }

  /** @returns where the items of a vector start, and how many there are. */
  checkVector(field: number, itemBytes: number): [start: number, count: number] {
    const at = this.#place(field);
    if (at === 0) return [0, 0];
    const vector = at + this.#view.getUint32(at, true);
    const count = this.#view.getUint32(vector, true);
    if (vector + 4 + count * itemBytes > this.byteLength) {
      throw new Error("damaged: its metadata run beyond their end");
    }
    return [vector + 4, count];
  }

  /** Where a field is stored, or 0 where it is left out. */
  #place(field: number): number {
    const layout = this.#at - this.#view.getInt32(this.#at, true);
    const entry = 4 + 2 * field;
    if (entry >= this.#view.getUint16(layout, true)) return 0;
    const offset = this.#view.getUint16(layout + entry, true);
    return offset === 0 ? 0 : this.#at + offset;
  }
}

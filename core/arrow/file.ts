/**
 * Arrow IPC files of our own encoder (uncompressed, no dictionaries): positions of their record batches and
 * buffers, so that single columns and runs of values are read without the rest, and the same as a stream.
 *
 * Apache Arrow columnar format 1.5. A file is the magic padded to 8 bytes, record batches (each a prefix of 8 bytes,
 * metadata, body), an end mark of 8 bytes, a footer with the schema and the positions of the batches, the footer's
 * length, and the magic. A stream is a message with the schema, the record batches, and the end mark. So files with one
 * schema become one stream once the schema is a message of its own.
 *
 * @module
 */
import { Message, type MessageHeader, type Schema } from "apache-arrow";
import { Footer } from "apache-arrow/footer";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { concatValues } from "./schema.ts";

/** Random access to bytes. `read` returns exactly the bytes [start, end), in memory of their own, or throws. */
export interface ByteSource {
  readonly size: number;
  read(start: number, end: number): Uint8Array<ArrayBuffer>;
}

/** A run of bytes in the file. */
interface Region {
  readonly at: number;
  readonly bytes: number;
}

/** One record batch. */
export interface BatchPlace {
  readonly rows: number;
  /** Buffers of all columns, in the order of the format. */
  readonly buffers: readonly Region[];
}

export const MAGIC = "ARROW1";
/** Magic and padding at the start of a file. */
export const HEAD_BYTES = 8;
export const CONTINUATION = 0xffffffff;
const END_MARK = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);
/** Continuation mark and length of the metadata. */
const PREFIX_BYTES = 8;

export class ArrowFile {
  private constructor(
    readonly path: string,
    readonly schema: Schema,
    readonly batches: readonly BatchPlace[],
  ) {}

  /**
   * Reads the footer and the metadata of all batches; no column is read.
   *
   * @param origin what is being read, for the message.
   * @throws {TypeError} when the file is not Arrow, or is truncated.
   */
  static open(path: string, origin = path): ArrowFile {
    try {
      return withFile(path, (source) => {
        const { footer } = readFooter(source);
        const batches = Array.from(footer.recordBatches(), ({ offset, metaDataLength }) => {
          const body = offset + metaDataLength;
          const metadata = source.read(offset + PREFIX_BYTES, body);
          return place(Message.decode(metadata) as Message<MessageHeader.RecordBatch>, body);
        });
        return new ArrowFile(path, footer.schema, batches);
      });
    } catch (error) {
      // A system error (missing file, no permission) says nothing about the content.
      if ((error as { code?: string }).code !== undefined) throw error;
      throw new TypeError(`${origin} is not an Arrow file: ${(error as Error).message}`);
    }
  }

  /** Bytes [from, to) of a buffer, all of it by default. */
  read({ at, bytes }: Region, from = 0, to = bytes): Uint8Array<ArrayBuffer> {
    return withFile(this.path, (source) => source.read(at + from, at + to));
  }
}

/** Files are opened for each read, which takes microseconds, so that no reader has to be closed. */
export function withFile<T>(path: string, use: (source: ByteSource) => T): T {
  const fd = openSync(path, "r");
  try {
    const read = (start: number, end: number) => readExactly(fd, start, end - start);
    return use({ size: fstatSync(fd).size, read });
  } finally {
    closeSync(fd);
  }
}

function readExactly(fd: number, at: number, bytes: number): Uint8Array<ArrayBuffer> {
  const target = new Uint8Array(bytes);
  for (let done = 0; done < bytes;) {
    const read = readSync(fd, target, done, bytes - done, at + done);
    if (read === 0) throw new Error(`it is ${bytes - done} bytes too short`);
    done += read;
  }
  return target;
}

/** The footer and where it begins. */
export function readFooter(source: ByteSource): { footer: Footer; at: number } {
  const tail = Math.max(0, source.size - 4 - MAGIC.length);
  const end = source.read(tail, source.size);
  if (!new TextDecoder().decode(end).endsWith(MAGIC)) {
    throw new Error(`it does not end in ${MAGIC}`);
  }
  const at = tail - new DataView(end.buffer).getInt32(0, true);
  return { footer: Footer.decode(source.read(at, tail)), at };
}

function place(message: Message<MessageHeader.RecordBatch>, body: number): BatchPlace {
  const { length, buffers, compression } = message.header();
  if (compression) throw new Error("it is compressed");
  return {
    rows: length,
    buffers: buffers.map(({ offset, length }) => ({ at: body + offset, bytes: length })),
  };
}

/** Bytes [from, to) of a file. */
export interface FileRange {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

/** The pieces of the stream that the files of one table make, in order. */
export function streamPieces(paths: readonly string[]): (Uint8Array<ArrayBuffer> | FileRange)[] {
  const parts = paths.map((path) => ({ path, ...withFile(path, locateMessages) }));
  return [schemaMessage(parts[0].schema), ...parts, END_MARK];
}

/** The stream that an Arrow file in memory makes. */
export function toStream(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const source = { size: file.length, read: (from: number, to: number) => file.slice(from, to) };
  const { schema, from, to } = locateMessages(source);
  return concatValues([schemaMessage(schema), file.subarray(from, to), END_MARK]);
}

/** The schema of a file, and where the messages of its record batches are. */
function locateMessages(source: ByteSource): { schema: Schema; from: number; to: number } {
  const { footer, at } = readFooter(source);
  return { schema: footer.schema, from: HEAD_BYTES, to: at - END_MARK.length };
}

/** The first message of a stream. */
export function schemaMessage(schema: Schema): Uint8Array<ArrayBuffer> {
  const metadata = Message.encode(Message.from(schema));
  const padded = Math.ceil(metadata.length / 8) * 8;
  const message = new Uint8Array(8 + padded);
  new DataView(message.buffer).setUint32(0, CONTINUATION, true);
  new DataView(message.buffer).setUint32(4, padded, true);
  message.set(metadata, 8);
  return message;
}

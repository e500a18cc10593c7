/**
 * Where things lie in an Arrow IPC file, so that single columns and single runs of values can be read without the
 * rest. Files of our own encoder only: uncompressed, no nulls, no dictionaries.
 *
 * Format: Apache Arrow columnar format 1.5, "IPC File Format": magic, record batches (each a prefix of 8 bytes,
 * metadata, body), a footer with schema and places of the batches, the footer's length, magic.
 *
 * @module
 */
import { Message, type MessageHeader, type Schema } from "apache-arrow";
import { Footer } from "apache-arrow/footer";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** A run of bytes in the file. */
interface Region {
  readonly at: number;
  readonly bytes: number;
}

/** One record batch. */
export interface BatchPlace {
  readonly rows: number;
  /** Buffers of all columns, in the order of the format: for a list validity, offsets, and those of its items. */
  readonly buffers: readonly Region[];
}

const MAGIC = "ARROW1";
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
   * @throws {TypeError} when the file is not Arrow, or breaks off.
   */
  static open(path: string, origin = path): ArrowFile {
    try {
      return withFile(path, (fd) => readIndex(path, fd));
    } catch (error) {
      // What the system says of a file it cannot open or read is no fault of its content.
      if ((error as { code?: string }).code !== undefined) throw error;
      throw new TypeError(`${origin} is not an Arrow file: ${(error as Error).message}`);
    }
  }

  static of(path: string, schema: Schema, batches: readonly BatchPlace[]): ArrowFile {
    return new ArrowFile(path, schema, batches);
  }

  /** Bytes of a part of a buffer, all of it by default, in memory of their own. */
  read({ at, bytes }: Region, from = 0, to = bytes): Uint8Array<ArrayBuffer> {
    return withFile(this.path, (fd) => readExactly(fd, at + from, to - from));
  }
}

/** Files are opened for each read, which takes microseconds: nothing has to be closed by whoever holds a reader. */
function withFile<T>(path: string, use: (fd: number) => T): T {
  const fd = openSync(path, "r");
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function readExactly(fd: number, at: number, bytes: number): Uint8Array<ArrayBuffer> {
  const target = new Uint8Array(bytes);
  for (let done = 0; done < bytes;) {
    const read = readSync(fd, target, done, bytes - done, at + done);
    if (read === 0) throw new Error(`it ends ${bytes - done} bytes too early`);
    done += read;
  }
  return target;
}

function readIndex(path: string, fd: number): ArrowFile {
  const { size } = fstatSync(fd);
  const tail = 4 + MAGIC.length;
  const end = readExactly(fd, Math.max(0, size - tail), Math.min(size, tail));
  if (!new TextDecoder().decode(end).endsWith(MAGIC)) {
    throw new Error(`it does not end in ${MAGIC}`);
  }
  const length = new DataView(end.buffer).getInt32(0, true);
  const footer = Footer.decode(readExactly(fd, size - tail - length, length));
  const batches = Array.from(footer.recordBatches(), ({ offset, metaDataLength }) => {
    const metadata = readExactly(fd, offset + PREFIX_BYTES, metaDataLength - PREFIX_BYTES);
    const message = Message.decode(metadata) as Message<MessageHeader.RecordBatch>;
    return place(message, offset + metaDataLength);
  });
  return ArrowFile.of(path, footer.schema, batches);
}

function place(message: Message<MessageHeader.RecordBatch>, body: number): BatchPlace {
  const { length, buffers, compression } = message.header();
  if (compression) throw new Error("it is compressed");
  return {
    rows: length,
    buffers: buffers.map(({ offset, length }) => ({ at: body + offset, bytes: length })),
  };
}

/**
 * Arrow files of our own encoder as an Arrow stream, without decoding their rows.
 *
 * A file is the magic padded to 8 bytes, the messages of its record batches, an end mark of 8 bytes, the footer with
 * the schema, the footer's length, and the magic. A stream is a message with the schema, the messages of the record
 * batches, and the end mark (Arrow columnar format 1.5). So files with one schema become one stream once the schema
 * is a message of its own.
 *
 * @module
 */
import { Message, type Schema } from "apache-arrow";
import { type ByteSource, readFooter, withFile } from "./file.ts";
import { concatValues } from "./schema.ts";

/** Magic and padding at the start of a file. */
export const HEAD_BYTES = 8;
export const CONTINUATION = 0xffffffff;
const END_MARK = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);

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

/**
 * Arrow files as an Arrow stream, without reading their rows.
 *
 * A file of core/arrow/encode.ts is the magic "ARROW1" padded to 8 bytes, the messages of its record batches, an end
 * mark of 8 bytes, the footer, the footer's length (int32), and the magic again. A stream is a message with the schema,
 * the messages of the record batches, and the end mark (Arrow columnar format 1.5). So files of one schema are one
 * stream, once the schema, which is part of the footer, is made a message of its own.
 *
 * @module
 */

const HEAD_BYTES = 8;
const MAGIC_BYTES = 6;
const END_MARK_BYTES = 8;

/** Reads bytes of a file, from one place to another. */
export type ReadBytes = (from: number, to: number) => Uint8Array<ArrayBuffer>;

/** What a file gives to a stream. */
export interface StreamPart {
  /** The message that comes before all batches. */
  readonly schema: Uint8Array<ArrayBuffer>;
  /** Where the messages of its batches stand, and the end mark behind them. */
  readonly batches: { readonly from: number; readonly to: number };
  readonly end_mark: { readonly from: number; readonly to: number };
}

/** Finds the parts of an Arrow file of some size. */
export function streamPart(size: number, read: ReadBytes): StreamPart {
  const footer_end = size - MAGIC_BYTES - 4;
  const length = new DataView(read(footer_end, footer_end + 4).buffer).getInt32(0, true);
  const footer = footer_end - length;
  const end = footer - END_MARK_BYTES;
  return {
    schema: schemaMessage(read(footer, footer_end)),
    batches: { from: HEAD_BYTES, to: end },
    end_mark: { from: end, to: footer },
  };
}

/** The stream in an Arrow file that is in memory. */
export function toStream(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const part = streamPart(file.length, (from, to) => file.slice(from, to));
  const { schema, batches, end_mark } = part;
  const stream = new Uint8Array(schema.length + end_mark.to - batches.from);
  stream.set(schema);
  stream.set(file.subarray(batches.from, end_mark.to), schema.length);
  return stream;
}

/** Version 5 of the metadata, and a header that is a schema, in the numbers of Arrow's Message.fbs. */
const METADATA_V5 = 4;
const SCHEMA_HEADER = 1;
/** Place of the message's table, and of the footer behind it, in the metadata. */
const TABLE = 16;
const FOOTER = 32;

/**
 * A message with the schema of a footer. Both are flatbuffers, in which a table refers to another by the distance to
 * it; so the message is a table of its own, with the footer behind it and a reference to the schema there.
 */
function schemaMessage(footer: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const metadata_bytes = (FOOTER + footer.length + 7) & ~7;
  const message = new Uint8Array(8 + metadata_bytes);
  new DataView(message.buffer).setInt32(0, -1, true); // continuation mark
  new DataView(message.buffer).setInt32(4, metadata_bytes, true);
  const metadata = new DataView(message.buffer, 8);
  metadata.setUint32(0, TABLE, true);
  // Its vtable: bytes of the vtable and of the table; then where version, type and place of the header stand in it.
  [10, 12, 8, 10, 4].forEach((value, i) => metadata.setUint16(4 + 2 * i, value, true));
  metadata.setInt32(TABLE, TABLE - 4, true); // back to the vtable
  metadata.setUint32(TABLE + 4, FOOTER + schemaPlace(footer) - (TABLE + 4), true);
  metadata.setInt16(TABLE + 8, METADATA_V5, true);
  metadata.setUint8(TABLE + 10, SCHEMA_HEADER);
  message.set(footer, 8 + FOOTER);
  return message;
}

/** Where the schema's table stands in a footer: its second field (File.fbs). */
function schemaPlace(footer: Uint8Array<ArrayBuffer>): number {
  const view = new DataView(footer.buffer, footer.byteOffset);
  const table = view.getUint32(0, true);
  const vtable = table - view.getInt32(table, true);
  const field = table + view.getUint16(vtable + 6, true);
  return field + view.getUint32(field, true);
}

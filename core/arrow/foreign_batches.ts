/**
 * Record batches of Arrow files that other programs wrote: the file format (also called Feather) and the stream
 * format, told apart by their first bytes.
 *
 * @module
 */
import {
  compressionRegistry,
  CompressionType,
  type RecordBatch,
  RecordBatchReader,
} from "apache-arrow";
import { zstdDecompressSync } from "node:zlib";
import type { ByteSource } from "./file.ts";
import { arrowMessages } from "./foreign_messages.ts";
import { type ValueReader, valueReader } from "./foreign_values.ts";

/** One record batch. */
export interface ForeignBatch {
  readonly rows: number;
  readonly names: readonly string[];
  /** Makes the reader of a column's values. @throws {Error} for damaged buffers and unsupported types. */
  column(name: string): ValueReader;
}

/**
 * Reads record batches one at a time. Bodies may be compressed with Zstandard, not with LZ4.
 *
 * @param max_expansion largest ratio of expanded to compressed bytes of a buffer over 64 MiB.
 * @throws {Error} for truncated or damaged data, after the batches before it.
 */
export function* foreignBatches(
  source: ByteSource,
  max_expansion: number,
): Generator<ForeignBatch, undefined> {
  if (source.size === 0) throw new Error("the file is empty");
  // The library reads one message ahead: a fault waits until the batches before it have been given.
  let fault: unknown;
  function* messages(): Generator<Uint8Array> {
    try {
      yield* arrowMessages(source);
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
  decode() {
    throw new Error("it is compressed with LZ4; write it with zstd or uncompressed");
  },
});

/**
 * Arrow: our own tables to bytes and back, equal rows always as equal bytes, and files that other programs wrote.
 *
 * @module
 */
export { csvLine, csvPieces } from "./csv.ts";
export { readBatches, readColumn } from "./decode.ts";
export { ArrowEncoder, BATCH_BYTES, BATCH_ROWS, encodeTable } from "./encode.ts";
export { type ByteSource, type FileRange, streamPieces, toStream } from "./file.ts";
export { type ForeignBatch, foreignBatches } from "./foreign_file.ts";
export {
  BadValue,
  decimalText,
  isoDay,
  isoTimestamp,
  plainInteger,
  utf8,
  type ValueReader,
} from "./foreign_values.ts";
export { type Cell, ListColumnReader, RowReader } from "./random_access.ts";
export { ARRAYS, type FoundColumn } from "./schema.ts";

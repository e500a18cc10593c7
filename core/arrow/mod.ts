/**
 * The Arrow codec: tables to bytes and back, equal rows always as equal bytes.
 *
 * @module
 */
export {
  concatColumns,
  firstBuffer,
  readBatches,
  readColumn,
  readOffsets,
  viewAs,
} from "./decode.ts";
export { ArrowEncoder, BATCH_BYTES, BATCH_ROWS, encodeTable } from "./encode.ts";
export { ArrowList } from "./list_reader.ts";
export { ArrowFile, type BatchPlace } from "./file.ts";
export { ARRAYS, type ElementType, findColumns, listElement, type Values } from "./schema.ts";

/**
 * Pages of Parquet: hyparquet's decoder, and checks before it is called. The decoder writes as many values as the runs
 * in a page claim, so these are compared with the page's header, and the header with limits.
 *
 * The decoder is internal to hyparquet (its version is pinned in core/deno.json). The public API (`parquetRead`,
 * `parquetScan`) decodes a whole column of a row group at once and has no hook before a page is decoded. Tried with it,
 * fuzz_test.ts hangs on `pages_v2.parquet` and `encodings.parquet`, where a damaged page claims billions of values, and
 * the good rows before a damaged page of their row group are lost.
 *
 * @module
 */
import type { PageHeader, SchemaTree } from "hyparquet";
import { deltaBinaryUnpack } from "hyparquet/src/delta.js";
import { checkExpansion, type Limits } from "./reading.ts";

export { assembleNested } from "hyparquet/src/assemble.js";
export { parquetHeader, readPage } from "hyparquet/src/column.js";
export { convert, DEFAULT_PARSERS } from "hyparquet/src/convert.js";

/** Writers start a new page after 20,000 rows or 1 MiB; a page with runs of one value may have a million rows. */
const MAX_PAGE_VALUES = 2 ** 24;
const MAX_PAGE_BYTES = 2 ** 30;
/** A run of packed bits may have this much padding after the last value. */
const MAX_PADDING = 64 * 8;

/** @throws {Error} for impossible sizes and counts. */
export function checkPageHeader(header: PageHeader, bytes_left: number, limits: Limits): void {
  const { compressed_page_size: size, uncompressed_page_size: expanded } = header;
  check(size >= 0 && size <= bytes_left, "is truncated");
  check(expanded >= 0 && expanded <= MAX_PAGE_BYTES, "is too large");
  checkExpansion(limits, size, expanded);
  const counted = header.data_page_header ?? header.data_page_header_v2 ??
    header.dictionary_page_header;
  const values = counted?.num_values ?? 0;
  check(values >= 0 && values <= MAX_PAGE_VALUES, "has too many values");
  const second = header.data_page_header_v2;
  if (second === undefined) return;
  const { repetition_levels_byte_length: repetition, definition_levels_byte_length: definition } =
    second;
  check(repetition >= 0 && definition >= 0 && repetition + definition <= size, "is truncated");
  check(second.num_nulls >= 0 && second.num_nulls <= values, "has too many nulls");
}

/** Checks the levels before the compressed part of a page of version 2. */
export function checkLevels2(header: PageHeader, page: Uint8Array, path: SchemaTree[]): void {
  const { num_values, repetition_levels_byte_length, definition_levels_byte_length } = header
    .data_page_header_v2!;
  const start = repetition_levels_byte_length;
  const levels = new Cursor(page);
  levels.checkRuns(bitWidth(maxRepetitionLevel(path)), num_values, start);
  levels.at = start;
  levels.checkRuns(
    bitWidth(maxDefinitionLevel(path)),
    num_values,
    start + definition_levels_byte_length,
  );
}

/** Checks the expanded part of a data page: levels (version 1) and encoded values. */
export function checkPage(
  header: PageHeader,
  page: Uint8Array,
  path: SchemaTree[],
  is_boolean: boolean,
): void {
  const data = header.data_page_header ?? header.data_page_header_v2;
  if (data === undefined) return;
  const { num_values, encoding } = data;
  const cursor = new Cursor(page);
  if (header.data_page_header !== undefined) {
    for (const level of [maxRepetitionLevel(path), maxDefinitionLevel(path)]) {
      if (level > 0) cursor.checkSizedRuns(bitWidth(level), num_values);
    }
  }
  if (is_boolean && encoding === "RLE") cursor.checkSizedRuns(1, num_values);
  else if (encoding.endsWith("_DICTIONARY")) {
    if (cursor.at < page.length) cursor.checkRuns(cursor.byte(), num_values, page.length);
  } else if (encoding.startsWith("DELTA_") && num_values > 0 && cursor.at < page.length) {
    checkDelta(cursor, num_values, encoding === "DELTA_BYTE_ARRAY");
  }
}

function checkDelta(cursor: Cursor, num_values: number, has_prefixes: boolean): void {
  const start = cursor.at;
  const [block_size, parts, count] = [cursor.varint(), cursor.varint(), cursor.varint()];
  check(block_size <= 2 ** 20 && parts > 0 && parts <= 1024, "has impossible blocks");
  check(count <= num_values, "has more values than it declares");
  if (!has_prefixes || count === 0) return;
  // Each value is stored as the length of a prefix of the one before, so values can expand without limit.
  const prefixes = new Int32Array(count);
  deltaBinaryUnpack({ view: cursor.view, offset: start }, count, prefixes);
  const total = prefixes.reduce((sum, length) => sum + length, 0);
  check(prefixes.every((length) => length >= 0) && total <= MAX_PAGE_BYTES, "is too large");
}

/** Parses the hybrid of run-length encoding and bit packing without its values. */
class Cursor {
  at = 0;
  readonly view: DataView;

  constructor(page: Uint8Array) {
    this.view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  }

  byte(): number {
    check(this.at < this.view.byteLength, "is truncated");
    return this.view.getUint8(this.at++);
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  }

  checkSizedRuns(width: number, count: number): void {
    check(this.at + 4 <= this.view.byteLength, "is truncated");
    const end = this.at + 4 + this.view.getUint32(this.at, true);
    this.at += 4;
    this.checkRuns(width, count, end);
    this.at = end;
  }

  /** Checks that runs up to `end` have no more than `count` values. */
  checkRuns(width: number, count: number, end: number): void {
    check(width <= 32 && end <= this.view.byteLength, "is truncated");
    let seen = 0;
    while (seen < count && this.at < end) {
      const header = this.varint();
      const is_packed = (header & 1) === 1;
      const length = Math.floor(header / 2);
      seen += is_packed ? 8 * length : length;
      this.at += is_packed ? width * length : Math.ceil(width / 8);
      check(seen <= count + (is_packed ? MAX_PADDING : 0), "has more values than it declares");
    }
  }
}

/** Repetition levels of a column: the number of repeated nodes on its path. */
function maxRepetitionLevel(path: SchemaTree[]): number {
  return path.filter(({ element }) => element.repetition_type === "REPEATED").length;
}

/** Definition levels of a column: the number of nodes below the root that may be absent. */
function maxDefinitionLevel(path: SchemaTree[]): number {
  return path.slice(1).filter(({ element }) => element.repetition_type !== "REQUIRED").length;
}

function bitWidth(value: number): number {
  return 32 - Math.clz32(value);
}

function check(holds: boolean, fault: string): asserts holds {
  if (!holds) throw new Error(`damaged: a page ${fault}`);
}

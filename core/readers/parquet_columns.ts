/**
 * Columns of a Parquet row group, decoded one page at a time.
 *
 * @module
 */
import type {
  ColumnChunk,
  ColumnMetaData,
  Compressors,
  DataReader,
  DecodedArray,
  PageHeader,
  ParquetParsers,
  SchemaElement,
  SchemaTree,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { BadValue, decimalText, isoDay, isoTimestamp, plainInteger, utf8 } from "../arrow/mod.ts";
import type { FileBytes } from "./file_bytes.ts";
import { parseJson } from "./json_text.ts";
import type { Limits } from "./reading.ts";
import {
  assembleNested,
  checkLevels2,
  checkPage,
  checkPageHeader,
  convert,
  DEFAULT_PARSERS,
  parquetHeader,
  readPage,
} from "./parquet_pages.ts";
import type { TableBatch, TableColumn } from "./table_rows.ts";

/** Native ones where node has them; `maxOutputLength` stops data that expands beyond its declared size. */
const DECOMPRESSORS: Compressors = {
  ...compressors,
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: Math.max(length, 1) }),
  ZSTD: (input, length) => zstdDecompressSync(input, { maxOutputLength: Math.max(length, 1) }),
};

/** A value that cannot be read becomes its error, which is thrown when its row is reached. */
function orFault(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return error instanceof BadValue ? error : new BadValue("is not valid JSON");
  }
}

const PARSERS: ParquetParsers = {
  ...DEFAULT_PARSERS,
  timestampFromMilliseconds: (value) => orFault(() => isoTimestamp(BigInt(value), 3)),
  timestampFromMicroseconds: (value) => orFault(() => isoTimestamp(BigInt(value), 6)),
  timestampFromNanoseconds: (value) => orFault(() => isoTimestamp(BigInt(value), 9)),
  dateFromDays: (days) => orFault(() => isoDay(BigInt(days))),
  stringFromBytes: (bytes) => bytes && orFault(() => utf8(bytes)),
  jsonFromBytes: (bytes) => bytes && orFault(() => parseJson(utf8(bytes))),
};

/**
 * How to decode a column. The library makes numbers of decimals, so they are passed off as a type with a parser of
 * ours.
 */
function elementAndParsers(element: SchemaElement): {
  element: SchemaElement;
  parsers: ParquetParsers;
} {
  const { converted_type, logical_type } = element;
  const is_decimal = converted_type === "DECIMAL" || logical_type?.type === "DECIMAL";
  if (!is_decimal) return { element, parsers: PARSERS };
  const scale = element.scale ?? (logical_type as { scale?: number } | undefined)?.scale ?? 0;
  return {
    element: { ...element, converted_type: "TIMESTAMP_MILLIS", logical_type: undefined },
    parsers: {
      ...PARSERS,
      timestampFromMilliseconds: (value: bigint | number | Uint8Array) =>
        decimalText(value instanceof Uint8Array ? signedInteger(value) : BigInt(value), scale),
    },
  };
}

/** Two's complement, the highest byte first. */
function signedInteger(bytes: Uint8Array): bigint {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex || "0"}`));
}

/**
 * Decodes a row group page by page. In memory: the compressed columns, and one decoded page of each.
 *
 * @param columns top-level columns wanted, as parts of `schema`.
 * @throws {Error} for damaged or unsupported data.
 */
export function* rowBatches(
  file: FileBytes,
  schema: SchemaTree,
  chunks: readonly ColumnChunk[],
  columns: readonly SchemaTree[],
  limits: Limits,
): Generator<TableBatch> {
  const tops = schema.children.flatMap((tree) => Array(leafCount(tree)).fill(tree.element.name));
  const open = columns.map((tree) => ({
    tree,
    // Chunks have the order of the schema's leaves; those of other columns may be encrypted.
    leaves: chunks.filter((_, at) => tops[at] === tree.element.name).map((chunk) =>
      new LeafColumn(file, schema, metadataOf(chunk, tree.element.name), limits)
    ),
  }));
  const leaves = open.flatMap(({ leaves }) => leaves);
  if (open.some(({ leaves }) => leaves.length === 0)) {
    throw new Error("damaged: a column is missing");
  }
  while (true) {
    const rows = Math.min(...leaves.map((leaf) => leaf.fill()));
    if (rows === 0) {
      if (leaves.some((leaf) => leaf.fill() > 0)) {
        throw new Error("damaged: columns differ in length");
      }
      return;
    }
    yield { rows, columns: open.map(({ tree, leaves }) => takeColumn(tree, leaves, rows)) };
  }
}

/** Physical columns of a column. */
function leafCount({ children }: SchemaTree): number {
  return children.reduce((sum, child) => sum + leafCount(child), children.length === 0 ? 1 : 0);
}

/** A column that cannot be read in any row group. */
export class UnreadableColumn extends Error {}

function metadataOf(
  { meta_data, file_path, crypto_metadata }: ColumnChunk,
  column: string,
): ColumnMetaData {
  const fault = crypto_metadata !== undefined
    ? "is encrypted; write the file again without encryption, or use other columns"
    : meta_data === undefined
    ? "has no metadata; write the file again"
    : file_path
    ? "is stored in another file, which is not supported; write the file again"
    : undefined;
  if (fault !== undefined) throw new UnreadableColumn(`column "${column}" ${fault}`);
  return meta_data!;
}

function takeColumn(tree: SchemaTree, leaves: readonly LeafColumn[], rows: number): TableColumn {
  const { name } = tree.element;
  if (tree.children.length === 0) {
    const { data, start } = leaves[0].take(rows);
    return { name, read: (row) => plain(data[start + row]) };
  }
  const parts = new Map<string, DecodedArray>();
  for (const leaf of leaves) {
    const { data, start } = leaf.take(rows);
    parts.set(leaf.path, data.slice(start, start + rows));
  }
  assembleNested(parts, tree, PARSERS);
  const data = parts.get(name);
  if (data === undefined) throw new Error(`damaged: column ${name} cannot be assembled`);
  return { name, read: (row) => plain(data[row]) };
}

/** A value as JSON would have it. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return plainInteger(value);
  if (value === undefined || value === null) return null;
  if (typeof value !== "object") return value;
  if (value instanceof BadValue) throw value;
  // A copy, because a view would keep the page in memory.
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

/** A physical column: a flat column, or one field of a nested one. */
class LeafColumn {
  readonly path: string;
  readonly #reader: DataReader;
  readonly #decoder: Parameters<typeof readPage>[2];
  readonly #schema_path: SchemaTree[];
  readonly #is_repeated: boolean;
  readonly #limits: Limits;
  #header?: PageHeader;
  #dictionary?: DecodedArray;
  /** Decoded rows, and how many of them were taken. */
  #rows: DecodedArray = [];
  #taken = 0;
  /** The last row of a repeated column, which the next page may continue. */
  #unfinished: unknown[] = [];

  constructor(file: FileBytes, schema: SchemaTree, metadata: ColumnMetaData, limits: Limits) {
    const { path_in_schema, data_page_offset, dictionary_page_offset } = metadata;
    const start = Number(dictionary_page_offset || data_page_offset);
    const bytes = file.read(start, start + Number(metadata.total_compressed_size));
    this.path = path_in_schema.join(".");
    this.#limits = limits;
    this.#reader = { view: new DataView(bytes.buffer), offset: 0 };
    this.#schema_path = treePath(schema, path_in_schema);
    this.#is_repeated = this.#schema_path.some(({ element }) =>
      element.repetition_type === "REPEATED"
    );
    this.#decoder = {
      ...metadata,
      pathInSchema: path_in_schema,
      ...elementAndParsers(this.#schema_path.at(-1)!.element),
      schemaPath: this.#schema_path,
      utf8: false,
      compressors: this.#checked(DECOMPRESSORS),
    };
  }

  /** Decodes pages until there are rows to take; returns their number, 0 at the end. */
  fill(): number {
    while (this.#taken === this.#rows.length) {
      this.#taken = 0;
      if (this.#reader.offset >= this.#reader.view.byteLength) {
        this.#rows = this.#unfinished;
        this.#unfinished = [];
        return this.#rows.length;
      }
      this.#rows = this.#decodePage();
    }
    return this.#rows.length - this.#taken;
  }

  take(length: number): { data: DecodedArray; start: number } {
    const start = this.#taken;
    this.#taken += length;
    return { data: this.#rows, start };
  }

  #decodePage(): DecodedArray {
    const reader = this.#reader;
    const header = parquetHeader(reader);
    this.#header = header;
    checkPageHeader(header, reader.view.byteLength - reader.offset, this.#limits);
    const end = reader.offset + header.compressed_page_size;
    const page = new Uint8Array(reader.view.buffer, reader.offset, header.compressed_page_size);
    if (header.data_page_header_v2 !== undefined) checkLevels2(header, page, this.#schema_path);
    this.#checkPlain(header, page);
    const rows = this.#decode(header);
    reader.offset = end;
    return rows;
  }

  #decode(header: PageHeader): DecodedArray {
    if (header.type === "DICTIONARY_PAGE") {
      const { data } = readPage(this.#reader, header, this.#decoder, undefined, undefined, 0);
      if (data !== undefined) this.#dictionary = convert(data, this.#decoder);
      return [];
    }
    const { num_values } = header.data_page_header ?? header.data_page_header_v2 ?? {};
    if (!num_values) return [];
    const before = this.#is_repeated ? this.#unfinished : undefined;
    const { data = [] } = readPage(
      this.#reader,
      header,
      this.#decoder,
      this.#dictionary,
      before,
      0,
    );
    if (!this.#is_repeated) return data;
    this.#unfinished = Array.from(data.slice(-1));
    return data.slice(0, -1);
  }

  /** Uncompressed pages do not pass through a decompressor, and are checked here. */
  #checkPlain(header: PageHeader, page: Uint8Array): void {
    const { data_page_header_v2: second } = header;
    if (this.#decoder.codec !== "UNCOMPRESSED" && second?.is_compressed !== false) return;
    const levels = second === undefined
      ? 0
      : second.definition_levels_byte_length + second.repetition_levels_byte_length;
    this.#check(header, page.subarray(levels));
  }

  #check(header: PageHeader, page: Uint8Array): void {
    checkPage(header, page, this.#schema_path, this.#decoder.type === "BOOLEAN");
  }

  /** Decompressors that also check a page's content before it is decoded. */
  #checked(decompressors: Compressors): Compressors {
    return Object.fromEntries(
      Object.entries(decompressors).map(([codec, decompress]) => [
        codec,
        (input: Uint8Array, length: number) => {
          const page = length === 0 ? new Uint8Array() : decompress(input, length);
          this.#check(this.#header!, page);
          return page;
        },
      ]),
    );
  }
}

/** The schema nodes from the root to a column. */
function treePath(root: SchemaTree, names: readonly string[]): SchemaTree[] {
  const path = [root];
  for (const name of names) {
    const child = path.at(-1)!.children.find(({ element }) => element.name === name);
    if (child === undefined) {
      throw new Error(`damaged: its schema has no column ${names.join(".")}`);
    }
    path.push(child);
  }
  return path;
}

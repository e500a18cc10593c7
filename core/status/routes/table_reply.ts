/**
 * A table in the form that a client wants.
 *
 * @module
 */
import type { Context } from "hono";
import { type Cell, type FoundColumn, RowReader, streamPieces } from "../../arrow/mod.ts";
import type { Artifact } from "../../store/mod.ts";
import { chooseType, isFresh, problem } from "../reply.ts";
import { sound } from "./artifact_source.ts";
import { csvLine } from "./csv.ts";
import { cacheHeaders, fileReply, readRanges } from "./file_reply.ts";

export const JSON_TYPE = "application/json";
export const CSV = "text/csv";
export const ARROW_FILE = "application/vnd.apache.arrow.file";
export const ARROW_STREAM = "application/vnd.apache.arrow.stream";

/** Rows of a page at most, and by default. */
export const MAX_ROWS = 10_000;
const ROWS = 1000;
/** A page of JSON ends behind the rows that take it to this many values, the items of lists counted. */
const MAX_VALUES = 500_000;

export interface TableQuery {
  readonly offset?: number;
  readonly limit?: number;
  /** Names of columns; those in one text are parted by commas. */
  readonly columns?: readonly string[];
  /** What is read, for messages. */
  readonly origin: string;
}

/** @param paths the Arrow files of the table. */
export async function tableReply(
  c: Context,
  artifact: Artifact,
  paths: readonly string[],
  query: TableQuery,
): Promise<Response> {
  const { digest } = artifact;
  const file_type = paths.length === 1 ? [ARROW_FILE] as const : [];
  const type = chooseType(c, [JSON_TYPE, CSV, ...file_type, ARROW_STREAM]);
  if (type === ARROW_FILE || type === ARROW_STREAM) refusePages(query);
  if (type === ARROW_FILE) return fileReply(c, paths[0], digest, ARROW_FILE);
  if (isFresh(c, cacheHeaders(c, digest, FORMS[type]))) return c.body(null, 304);
  const table = await sound(() => new RowReader(paths, query.origin));
  if (type === ARROW_STREAM) {
    return c.body(readRanges(streamPieces(paths)), 200, { "content-type": type });
  }
  const columns = chooseColumns(table, query);
  const { offset = 0, limit = type === CSV ? Infinity : ROWS } = query;
  const end = Math.min(table.rows, offset + limit);
  if (type === CSV) {
    const lines = ReadableStream.from(csvLines(table, columns, offset, end));
    return c.body(lines, 200, { "content-type": `${CSV}; charset=utf-8` });
  }
  const rows = readPage(table, columns, offset, end);
  const next = offset + rows.length;
  return c.json({
    columns: columns.map(({ name, type }) => ({ name, type })),
    rows_total: table.rows,
    offset,
    rows,
    next_offset: rows.length > 0 && next < table.rows ? next : null,
  });
}

/** Each form of a table is a representation of its own, which its ETag has to say. */
const FORMS = { [JSON_TYPE]: "-json", [CSV]: "-csv", [ARROW_STREAM]: "-stream" } as const;

function refusePages({ offset, limit, columns }: TableQuery): void {
  if (offset === undefined && limit === undefined && columns === undefined) return;
  throw problem(400, "Arrow is sent whole; offset, limit and columns are for JSON and CSV");
}

function chooseColumns(table: RowReader, { columns, origin }: TableQuery): FoundColumn[] {
  if (columns === undefined) return [...table.columns];
  return columns.flatMap((names) => names.split(",")).map((name) => {
    const column = table.columns.find((column) => column.name === name);
    if (column) return column;
    const known = table.columns.map(({ name }) => name).join(", ");
    throw problem(400, `${origin} has no column "${name}"; it has ${known}`);
  });
}

function readPage(table: RowReader, columns: readonly FoundColumn[], from: number, to: number) {
  const rows: Cell[][] = [];
  let values = 0;
  for (const slice of table.read(columns, from, to)) {
    for (const row of slice) {
      rows.push(row);
      values += row.reduce<number>((sum, cell) => sum + (Array.isArray(cell) ? cell.length : 1), 0);
      if (values >= MAX_VALUES) return rows;
    }
  }
  return rows;
}

function* csvLines(table: RowReader, columns: readonly FoundColumn[], from: number, to: number) {
  const encoder = new TextEncoder();
  yield encoder.encode(csvLine(columns.map(({ name }) => name)));
  for (const rows of table.read(columns, from, to)) {
    yield encoder.encode(rows.map(csvLine).join(""));
  }
}

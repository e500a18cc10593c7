/**
 * Stored tables as answers: JSON pages, CSV, an Arrow stream, or the Arrow file.
 *
 * @module
 */
import type { Context } from "hono";
import { type Cell, csvLine, type FoundColumn, RowReader, streamPieces } from "../../arrow/mod.ts";
import type { Artifact } from "../../store/mod.ts";
import { problem } from "../errors.ts";
import { fileReply, readRanges, setCacheHeaders } from "./files.ts";
import { ARROW_FILE, ARROW_STREAM, chooseType, CSV, JSON_TYPE } from "./shared.ts";

/** The most rows of a page, and the default. */
export const MAX_ROWS = 10_000;
const ROWS = 1000;
/** A JSON page ends with the row that takes it to this many values, the items of lists included. */
const MAX_VALUES = 500_000;

/** Each form of a table is a representation of its own, so each has its own ETag. */
const FORMS = { [JSON_TYPE]: "-json", [CSV]: "-csv", [ARROW_STREAM]: "-stream" } as const;

export interface TableQuery {
  readonly offset?: number;
  readonly limit?: number;
  /** Names of columns, also several in one text, separated by commas. */
  readonly columns?: readonly string[];
  /** What is read, for messages. */
  readonly origin: string;
}

/**
 * Answers with a table in the format that the client prefers.
 *
 * @param paths the Arrow files of the table.
 */
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
  setCacheHeaders(c, digest, FORMS[type]);
  const table = await readStored(() => new RowReader(paths, query.origin));
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

/** Reads from the store; a damaged object becomes a problem that says so. */
export async function readStored<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw problem(500, "an object of the store is damaged; run the recipe again to restore it");
  }
}

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

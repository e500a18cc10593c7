/**
 * `deno task show`: a result of a run as a table, as CSV or JSON, or the path of its file.
 *
 * @module
 */
import { type Cell, csvPieces, RowReader } from "../../arrow/mod.ts";
import { fileEntries, tablePaths } from "../../store/mod.ts";
import { counted, formatBytes } from "../../words/mod.ts";
import { type Console, formatTable, UsageError } from "../shared/console.ts";
import { count, defineCommand, mainOf } from "../shared/command.ts";
import { OUT_FLAG } from "../shared/inputs.ts";
import { findOutputs, type NamedOutput, type RunResults } from "../shared/results.ts";

export const command = defineCommand({
  name: "show",
  summary: "Shows a result of a run: a table, its CSV or JSON, or the paths of its files",
  args: [{
    name: "RESULT",
    help: "STEP.OUTPUT or STEP of the newest run, such as losses.evaluation; RUN/STEP.OUTPUT of " +
      'another; a run id, "latest" or a recipe alone lists all results',
    optional: true,
  }],
  flags: {
    csv: { help: "print the whole table as CSV; control characters are shown as escapes" },
    json: { help: "print the whole table as JSON, an array of objects" },
    path: { help: "print the paths of the files (Arrow, for a table)" },
    rows: count("40", "rows of a table to show", 1),
    ...OUT_FLAG,
  },
  examples: ["deno task show losses.evaluation", "deno task show quickstart/losses --csv > l.csv"],
  notes:
    "Tables are Arrow files, which pandas, polars, DuckDB and R read as they are: see docs/results.md.",
});

type Format = "text" | "csv" | "json" | "path";

/** Runs the command; returns the exit code. */
export const main = mainOf(command, async ({ flags, args: [name = "latest"] }, io) => {
  const { csv, json, path, rows, out } = flags;
  const formats = Object.entries({ csv, json, path }).filter(([, given]) => given);
  if (formats.length > 1) throw new UsageError("give one of --csv, --json and --path");
  const format = (formats[0]?.[0] ?? "text") as Format;
  const { results, outputs } = await findOutputs(name, out);
  const tables = outputs.filter(({ artifact }) => artifact.kind === "table");
  // A step's only table is what its name stands for.
  const chosen = outputs.length === 1 ? outputs[0] : tables.length === 1 ? tables[0] : undefined;
  if (chosen) return await show(results, chosen, format, rows, io);
  if (format !== "text") {
    const known = outputs.map(({ name }) => name).join(", ");
    throw new UsageError(
      `"${name}" is ${outputs.length} results, of which --${format} takes one: ${known}`,
    );
  }
  io.out(list(results, outputs));
});

/** What a run or step has made. */
function list({ run }: RunResults, outputs: readonly NamedOutput[]): string {
  const rows = outputs.map(({ name, artifact: { kind, rows, bytes } }) => {
    return [name, counted(rows, kind === "table" ? "row" : "file"), formatBytes(bytes)];
  });
  return `${run.id}\n\n${formatTable(["result", "content", "size"], rows, ["size"])}`;
}

async function show(
  { store }: RunResults,
  { name, artifact }: NamedOutput,
  format: Format,
  max_rows: number,
  io: Console,
): Promise<void> {
  if (artifact.kind === "files") {
    if (format === "csv" || format === "json") {
      throw new UsageError(`"${name}" is files, not a table; --path prints where they are`);
    }
    const files = (await fileEntries(store.objectPath(artifact.digest))).map((file) => {
      return [file.name, formatBytes(file.bytes), store.objectPath(file.digest)];
    });
    io.out(
      format === "path"
        ? files.map(([name, , path]) => `${name}\t${path}`).join("\n")
        : formatTable(["file", "size", "path"], files, ["size"]),
    );
    return;
  }
  const paths = await tablePaths(store, artifact);
  if (format === "path") return io.out(paths.join("\n"));
  const table = new RowReader(paths, name);
  const columns = table.columns.map(({ name }) => name);
  const read = (rows: number) => table.read(table.columns, 0, rows);
  if (format === "csv") {
    for (const piece of csvPieces(table)) io.out(piece.trimEnd().replaceAll("\r\n", "\n"));
  } else if (format === "json") {
    const lines = [...read(table.rows)].flat().map((row) =>
      JSON.stringify(Object.fromEntries(columns.map((column, i) => [column, row[i]])))
    );
    io.out(`[\n${lines.join(",\n")}\n]`);
  } else io.out(tableText(columns, [...read(Math.min(max_rows, table.rows))].flat(), table.rows));
}

/** Longest text of a cell. */
const MAX_CELL = 60;

function tableText(columns: readonly string[], rows: readonly Cell[][], all: number): string {
  const numeric = columns.filter((_, i) => rows.some((row) => typeof row[i] === "number"));
  const lines = [formatTable(columns, rows.map((row) => row.map(cellText)), numeric)];
  if (all > rows.length) {
    lines.push(`${counted(all - rows.length, "more row")}; show them with --rows, or use --csv`);
  }
  return lines.join("\n");
}

/** Numbers with six digits, text cut off, nothing for null. */
function cellText(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") {
    return Number.isInteger(cell) ? String(cell) : String(Number(cell.toPrecision(6)));
  }
  const text = typeof cell === "object" ? JSON.stringify(cell) : String(cell);
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

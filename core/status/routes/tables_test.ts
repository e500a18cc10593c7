import assert from "node:assert/strict";
import { readArrow } from "../testdata/read_arrow.ts";
import { ARROW_FILE, ARROW_STREAM, MAKE, withArtifacts } from "../testdata/written_artifacts.ts";
import { all_types, allTypes, ROWS } from "../testdata/written_run.ts";

/** The rows that were written, as in JSON. */
function writtenRows(): unknown[][] {
  const batch = allTypes();
  const number = (value: number) => Number.isFinite(value) ? value : null;
  return Array.from({ length: ROWS }, (_, i) => [
    batch.yes[i] === 1,
    batch.int[i],
    batch.short[i],
    number(batch.single[i]),
    number(batch.double[i]),
    batch.maybe[i],
    batch.words[i],
    [...batch.tokens.values.subarray(batch.tokens.offsets[i], batch.tokens.offsets[i + 1])],
    [...batch.vector.values.subarray(batch.vector.offsets[i], batch.vector.offsets[i + 1])],
  ]);
}

Deno.test("pages of a table have its rows, for any offset, columns and number of files", () =>
  withArtifacts(async (get) => {
    const rows = writtenRows();
    const names = Object.keys(all_types.columns);
    for (const output of ["whole", "parted"]) {
      const page = async (query: string) => await (await get(`${MAKE}/${output}${query}`)).json();
      const first = await page("");
      assert.deepEqual(first.columns.map(({ name }: { name: string }) => name), names);
      assert.equal(first.columns[5].type, "nullable<float64>");
      assert.equal(first.columns[7].type, "list<uint32>");
      assert.deepEqual(first.rows, rows.slice(0, 1000));
      assert.deepEqual([first.rows_total, first.offset, first.next_offset], [ROWS, 0, 1000]);
      for (
        const [offset, limit] of [[4090, 20], [1, 1], [4095, 1], [4096, 1], [4999, 10], [7, 0]]
      ) {
        const { rows: got } = await page(`?offset=${offset}&limit=${limit}`);
        assert.deepEqual(got, rows.slice(offset, offset + limit), `${offset}, ${limit}`);
      }
      assert.deepEqual((await page("?limit=10000")).rows, rows);
      const last = await page("?offset=4500");
      assert.deepEqual([last.rows.length, last.next_offset], [500, null]);
      assert.deepEqual((await page("?offset=9007199254740991")).rows, []);
      const two = await page("?columns=words,int&offset=5&limit=2");
      assert.deepEqual(two.rows, rows.slice(5, 7).map((row) => [row[6], row[1]]));
      const again = await page("?columns=yes&columns=yes&limit=1");
      assert.deepEqual(again.rows, [[true, true]]);
    }
    const unknown = await get(`${MAKE}/whole?columns=nope`);
    assert.equal(unknown.status, 400);
    assert.match((await unknown.json()).detail, /make.whole has no column "nope"; it has yes, int/);
  }));

Deno.test("CSV and Arrow have the same rows as JSON", () =>
  withArtifacts(async (get) => {
    const rows = writtenRows();
    const quote = (cell: unknown) => {
      const text = Array.isArray(cell) ? JSON.stringify(cell) : String(cell ?? "");
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = [Object.keys(all_types.columns), ...rows].map((row) => row.map(quote).join(","));
    const csv = lines.map((line) => line + "\r\n").join("");
    for (const output of ["whole", "parted"]) {
      const get_as = async (accept: string, query = "") => {
        return await get(`${MAKE}/${output}${query}`, { accept });
      };
      assert.equal(await (await get_as("text/csv")).text(), csv);
      const page = await (await get_as("text/csv", "?limit=2&offset=4095&columns=int")).text();
      assert.equal(page, "int\r\n-4095\r\n-4096\r\n");
      for (const type of output === "whole" ? [ARROW_FILE, ARROW_STREAM] : [ARROW_STREAM]) {
        const response = await get_as(type);
        assert.equal(response.headers.get("content-type"), type);
        const table = await readArrow(new Uint8Array(await response.arrayBuffer()));
        assert.deepEqual(table.names, Object.keys(all_types.columns));
        const told = table.rows.map((row) => JSON.parse(JSON.stringify(row)));
        assert.deepEqual(told, rows);
        const paged = await get_as(type, "?limit=1");
        assert.equal(paged.status, 400);
        assert.match((await paged.json()).detail, /Arrow is sent whole/);
      }
    }
    const file = await get(`${MAKE}/parted`, { accept: ARROW_FILE });
    assert.equal(file.status, 406);
    assert.match((await file.json()).detail, /available as application\/json, text\/csv, .*stream/);
  }));

Deno.test("ranges of an Arrow file are served as long as its ETag matches", () =>
  withArtifacts(async (get) => {
    const whole = await get(`${MAKE}/whole`, { accept: ARROW_FILE });
    const bytes = new Uint8Array(await whole.arrayBuffer());
    const etag = whole.headers.get("etag")!;
    assert.match(etag, /^"[0-9a-f]{64}"$/);
    assert.equal(whole.headers.get("accept-ranges"), "bytes");
    assert.equal(whole.headers.get("content-length"), String(bytes.length));
    const range = (range: string, headers = {}) => {
      return get(`${MAKE}/whole`, { accept: ARROW_FILE, range, ...headers });
    };
    const size = bytes.length;
    for (
      const [asked, from, to] of [
        ["bytes=0-0", 0, 1],
        ["bytes=100-199", 100, 200],
        [`bytes=${size - 1}-`, size - 1, size],
        ["bytes=-6", size - 6, size],
        ["bytes=5-99999999999", 5, size],
        ["bytes=-99999999999", 0, size],
      ] as const
    ) {
      const part = await range(asked);
      assert.equal(part.status, 206, asked);
      assert.equal(part.headers.get("content-range"), `bytes ${from}-${to - 1}/${size}`);
      assert.deepEqual(new Uint8Array(await part.arrayBuffer()), bytes.slice(from, to));
    }
    for (const asked of [`bytes=${size}-`, "bytes=-0"]) {
      const none = await range(asked);
      assert.deepEqual([none.status, none.headers.get("content-range")], [416, `bytes */${size}`]);
      await none.body!.cancel();
    }
    for (const asked of ["bytes=0-1,5-6", "rows=0-1", "bytes=9-3", "bytes=-", "bytes=a-b"]) {
      assert.equal((await (await range(asked)).arrayBuffer()).byteLength, size, asked);
    }
    assert.equal((await range("bytes=0-1", { "if-range": etag })).status, 206);
    assert.equal((await range("bytes=0-1", { "if-range": '"other"' })).status, 200);
    assert.equal((await range("bytes=0-1", { "if-none-match": etag })).status, 304);
  }));

import assert from "node:assert/strict";
import { join } from "node:path";
import { tableFromIPC } from "apache-arrow";
import type { Batch, Columns } from "../stage/mod.ts";
import { readBatches, readColumn } from "./decode.ts";
import { ArrowEncoder, BATCH_ROWS } from "./encode.ts";
import { sha256 } from "../store/mod.ts";

const COLUMNS = {
  text: "utf8",
  tokens: "list<uint16>",
  weights: "list<float32>",
  flag: "bool",
  count: "int32",
  small: "uint16",
  large: "uint32",
  single: "float32",
  double: "float64",
} as const;

type Rows = Batch<typeof COLUMNS>;

/** Rows [start, end) of a table made by formula; lists and strings start at odd places and may be empty. */
function makeRows(start: number, end: number, lead = 0): Rows {
  const index = Array.from({ length: end - start }, (_, i) => start + i);
  const lengths = index.map((i) => (i * 7) % 5);
  const offsets = Int32Array.of(lead, ...lengths).map(((sum) => (n) => sum += n)(0));
  const values = index.flatMap((i) => Array.from({ length: (i * 7) % 5 }, (_, j) => i * 5 + j));
  const led = [...Array(lead).fill(9), ...values, 9]; // a caller may pass a slice of a larger array
  return {
    text: index.map((i) => "é\uFEFF𝄞x".repeat(i % 3)),
    tokens: { values: Uint16Array.from(led), offsets },
    weights: { values: Float32Array.from(led, (v) => v / 3), offsets },
    flag: Uint8Array.from(index, (i) => (i % 3 === 0 ? 1 : 0)),
    count: Int32Array.from(index, (i) => -i),
    small: Uint16Array.from(index),
    large: Uint32Array.from(index, (i) => 2 ** 32 - 1 - i),
    single: Float32Array.from(index, (i) => i / 7),
    double: Float64Array.from(index, (i) => (i === 3 ? NaN : i / 7)),
  };
}

function encode(columns: Columns, batches: Batch<Columns>[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const encoder = new ArrowEncoder(columns, (bytes) => parts.push(new Uint8Array(bytes)));
  batches.forEach((batch) => encoder.write(batch));
  encoder.finish();
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

function inPortions(total: number, size: number, lead = 0): Rows[] {
  const starts = Array.from({ length: Math.ceil(total / size) }, (_, i) => i * size);
  return starts.map((start) => makeRows(start, Math.min(start + size, total), lead));
}

async function withFile(bytes: Uint8Array, use: (path: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(join(folder, "table.arrow"), bytes);
    await use(join(folder, "table.arrow"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the bytes do not depend on how rows are divided into writes", () => {
  const total = BATCH_ROWS + 1000;
  const whole = sha256(encode(COLUMNS, [makeRows(0, total)]));
  for (const size of [1, 37, 1024, BATCH_ROWS, BATCH_ROWS + 1]) {
    assert.equal(sha256(encode(COLUMNS, inPortions(total, size, size % 4))), whole, `size ${size}`);
  }
  assert.notEqual(sha256(encode(COLUMNS, [makeRows(0, total - 1)])), whole);
});

Deno.test("the format's digests never change", () => {
  // A change here means that every artifact gets another digest: all pipelines run again.
  assert.equal(
    sha256(encode(COLUMNS, [makeRows(0, 100)])),
    "459fc07390cd0c18eb1b651ce5249a378411afb0efcde831c16a95883c773be1",
  );
  assert.equal(
    sha256(encode(COLUMNS, [])),
    "5614212d334365c0c891d112ebe82d8927f48987477292de0e0c87e3131cbf8e",
  );
});

Deno.test("rows read are the rows written, by batch and by column", async () => {
  const total = 2 * BATCH_ROWS + 5;
  const expected = makeRows(0, total);
  await withFile(encode(COLUMNS, inPortions(total, 999)), async (path) => {
    const rows: number[] = [];
    for await (const batch of readBatches(path, COLUMNS)) rows.push(batch.count.length);
    assert.deepEqual(rows, [BATCH_ROWS, BATCH_ROWS, 5]);
    for (const [name, type] of Object.entries(COLUMNS)) {
      const column = await readColumn(path, name, type);
      if (!type.startsWith("list")) {
        assert.deepEqual(column, expected[name as keyof Rows], name);
        continue;
      }
      const list = column as Rows["tokens"];
      const wanted = expected[name as "tokens"];
      assert.deepEqual(list.offsets, wanted.offsets, name);
      assert.deepEqual(list.values, wanted.values.subarray(0, list.values.length), name);
      assert.equal(list.values.length, wanted.offsets[total], name);
    }
  });
});

Deno.test("other Arrow readers agree", () => {
  const table = tableFromIPC(encode(COLUMNS, inPortions(10, 3)));
  assert.equal(table.numRows, 10);
  const row = table.get(4)!.toJSON();
  assert.equal(row.text, "é\uFEFF𝄞x");
  assert.deepEqual([...row.tokens], [20, 21, 22]);
  assert.equal(row.flag, false);
  assert.equal(row.large, 2 ** 32 - 5);
  assert.ok(table.schema.fields.every((field) => !field.nullable));
});

Deno.test("long rows end a batch early, depending on content alone", async () => {
  const columns = { tokens: "list<uint32>" } as const;
  const long = { tokens: { values: new Uint32Array(3 << 20), offsets: Int32Array.of(0, 3 << 20) } };
  const two = {
    tokens: { values: new Uint32Array(6 << 20), offsets: Int32Array.of(0, 3 << 20, 6 << 20) },
  };
  const bytes = encode(columns, [long, long]);
  assert.equal(sha256(bytes), sha256(encode(columns, [two])));
  await withFile(bytes, async (path) => {
    let batches = 0;
    for await (const batch of readBatches(path, columns)) {
      batches++;
      assert.equal(batch.tokens.offsets[1], 3 << 20);
    }
    assert.equal(batches, 2);
  });
});

Deno.test("a table without rows keeps its columns", async () => {
  await withFile(encode(COLUMNS, [makeRows(0, 0)]), async (path) => {
    assert.deepEqual(await readColumn(path, "text", "utf8"), []);
    const tokens = await readColumn(path, "tokens", "list<uint16>");
    assert.deepEqual(tokens, { values: new Uint16Array(0), offsets: Int32Array.of(0) });
    await assert.rejects(readColumn(path, "nothing", "utf8"), /has no column "nothing"/);
    await assert.rejects(readColumn(path, "text", "int32"), /"text" is Utf8, not int32/);
  });
});

Deno.test("a file that is not Arrow is named", async () => {
  await withFile(new TextEncoder().encode("something else"), async (path) => {
    await assert.rejects(
      readColumn(path, "a", "utf8", "input words"),
      /^TypeError: input words is/,
    );
  });
});

Deno.test("an invalid batch is refused, naming the column", () => {
  const encoder = new ArrowEncoder({ a: "int32", b: "utf8" }, () => {});
  const refuse = (batch: unknown, message: RegExp) =>
    assert.throws(() => encoder.write(batch as Batch<Columns>), message);
  refuse({ a: Int32Array.of(1) }, /column "b" is missing/);
  refuse({ a: Int32Array.of(1), b: ["x"], c: ["y"] }, /"c" is not declared; .* a, b/);
  refuse({ a: Float64Array.of(1), b: ["x"] }, /"a" is int32 and needs a Int32Array/);
  refuse({ a: Int32Array.of(1), b: ["x", "y"] }, /"b" has 2 rows where "a" has 1/);
  refuse({ a: Int32Array.of(1), b: [null] }, /"b" has null in row 0/);
  const lists = new ArrowEncoder({ l: "list<int32>" }, () => {});
  for (const offsets of [[], [0, 3, 1], [0, 9], [-1, 2]]) {
    const l = { values: new Int32Array(4), offsets: Int32Array.from(offsets) };
    assert.throws(() => lists.write({ l }), /needs increasing offsets/);
  }
});

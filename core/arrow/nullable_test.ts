import assert from "node:assert/strict";
import { tableFromIPC } from "apache-arrow";
import { sha256 } from "../store/mod.ts";
import type { Batch, Columns } from "../stage/mod.ts";
import { findPython, runPython } from "../../tests/shared/python.ts";
import {
  ArrowEncoder,
  BATCH_ROWS,
  encodeTable,
  readBatches,
  readColumn,
  RowReader,
} from "./mod.ts";

const COLUMNS = { x: "nullable<float64>", n: "nullable<int32>", last: "utf8" } as const;

/** Rows [start, end): every third `x` is unknown, and all of `n` from the second record batch on. */
function makeRows(start: number, end: number): Batch<typeof COLUMNS> {
  const index = Array.from({ length: end - start }, (_, i) => start + i);
  return {
    x: index.map((i) => i % 3 === 1 ? null : i / 7),
    n: index.map((i) => i < BATCH_ROWS ? 7 - i : null),
    last: index.map(String),
  };
}

function encode(columns: Columns, batches: Batch<Columns>[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const encoder = new ArrowEncoder(columns, (bytes) => parts.push(bytes.slice()));
  batches.forEach((batch) => encoder.write(batch));
  encoder.finish();
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

async function withFile(bytes: Uint8Array, use: (path: string) => unknown) {
  const path = await Deno.makeTempFile({ suffix: ".arrow" });
  try {
    await Deno.writeFile(path, bytes);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

const ROWS = BATCH_ROWS + 99;
const WRITTEN = makeRows(0, ROWS);

Deno.test("nulls are read as they were written: batches, columns, and rows from any place", () =>
  withFile(encode(COLUMNS, [WRITTEN]), async (path) => {
    const lengths: number[] = [];
    for await (const { x } of readBatches(path, COLUMNS)) lengths.push(x.length);
    assert.deepEqual(lengths, [BATCH_ROWS, 99]);
    assert.deepEqual(await readColumn(path, "x", COLUMNS.x), WRITTEN.x);
    assert.deepEqual(await readColumn(path, "n", COLUMNS.n), WRITTEN.n);
    assert.deepEqual(await readColumn(path, "last", COLUMNS.last), WRITTEN.last);
    const reader = new RowReader([path], "the table");
    assert.deepEqual(reader.columns.map(({ type }) => type), Object.values(COLUMNS));
    for (
      const [from, to] of [[0, 3], [5, 22], [BATCH_ROWS - 3, BATCH_ROWS + 5], [ROWS - 1, ROWS]]
    ) {
      const read = [...reader.read(reader.columns, from, to)].flat();
      const { x, n, last } = makeRows(from, to);
      assert.deepEqual(read, x.map((value, i) => [value, n[i], last[i]]), `rows ${from} to ${to}`);
    }
  }));

Deno.test("the bytes of nulls do not depend on how rows are divided into writes, and never change", () => {
  const whole = encode(COLUMNS, [WRITTEN]);
  const starts = Array.from({ length: Math.ceil(ROWS / 37) }, (_, i) => 37 * i);
  const portions = starts.map((start) => makeRows(start, Math.min(start + 37, ROWS)));
  assert.deepEqual(encode(COLUMNS, portions), whole);
  assert.equal(sha256(whole), "18c6db1c48bd036c8d4cd21d98d8a1e958637351b7cceab992829f6685715360");
});

Deno.test("a nullable column without a null has the buffers of one that is not nullable", () => {
  const known = { x: [1, 2, 3] };
  const table = tableFromIPC(encode({ x: "nullable<float64>" }, [known]));
  assert.equal(table.schema.fields[0].nullable, true);
  assert.equal(table.data[0].children[0].nullBitmap?.length ?? 0, 0);
  const bodies = [
    encode({ x: "nullable<float64>" }, [known]),
    encodeTable({ x: "float64" }, {
      x: Float64Array.of(1, 2, 3),
    }),
  ].map((bytes) => tableFromIPC(bytes).data[0].children[0].values);
  assert.deepEqual(bodies[0], bodies[1]);
});

Deno.test("a table without rows, and a column of nulls alone", async () => {
  await withFile(encode({ x: "nullable<float64>" }, []), async (path) => {
    assert.deepEqual(await readColumn(path, "x", "nullable<float64>"), []);
  });
  await withFile(encode({ x: "nullable<float64>" }, [{ x: [null, null] }]), async (path) => {
    assert.deepEqual(await readColumn(path, "x", "nullable<float64>"), [null, null]);
  });
});

Deno.test("a column without nulls can be read as nullable; NaN of earlier versions is null", () =>
  withFile(encode({ x: "float64" }, [{ x: Float64Array.of(1, NaN, -0) }]), async (path) => {
    assert.deepEqual(await readColumn(path, "x", "nullable<float64>"), [1, null, -0]);
  }));

Deno.test("a column that may have nulls is not read as one without", () =>
  withFile(encode({ x: "nullable<float64>" }, [{ x: [1] }]), async (path) => {
    await assert.rejects(
      readColumn(path, "x", "float64", "the table"),
      /^TypeError: the table: column "x" is nullable Float64, not float64$/,
    );
  }));

Deno.test("what a nullable column cannot hold is refused, naming column and row", () => {
  const refuse = (n: unknown, message: RegExp) =>
    assert.throws(() => encode({ n: "nullable<int32>" }, [{ n } as Batch<Columns>]), message);
  refuse(Int32Array.of(1), /"n" is nullable<int32> and needs an array of numbers and nulls/);
  refuse([1, undefined], /"n" is nullable<int32> and has undefined in row 1/);
  refuse(Array(2), /"n" is nullable<int32> and has undefined in row 0/);
  refuse([1, "2"], /"n" is nullable<int32> and has 2 in row 1/);
  refuse([null, 1.5], /"n" is nullable<int32> and has 1.5 in row 1/);
  refuse([2 ** 31], /"n" is nullable<int32> and has 2147483648 in row 0/);
});

const python = findPython(["pyarrow", "pandas"]);
const REASON = python ? "" : " (skipped: no Python with pyarrow and pandas, set CAUSEWAY_PYTHON)";

Deno.test({
  name: `pyarrow and pandas see the nulls${REASON}`,
  ignore: !python,
  fn: () =>
    withFile(encode(COLUMNS, [WRITTEN]), async (path) => {
      const script = `
import json, sys
import pyarrow as pa, pyarrow.feather as feather, pandas as pd
table = pa.ipc.open_file(sys.argv[1]).read_all()
table.validate(full=True)
frame = pd.read_feather(sys.argv[1])
print(json.dumps({
  "nullable": [field.nullable for field in table.schema],
  "nulls": [column.null_count for column in table.columns],
  "missing": [int(count) for count in frame.isna().sum()],
  "x": table["x"].to_pylist(),
  "n": table["n"].to_pylist(),
}))`;
      const seen = JSON.parse(await runPython(python!, script, [path]));
      const nulls = [WRITTEN.x, WRITTEN.n].map((all) => all.filter((one) => one === null).length);
      assert.deepEqual(seen.nullable, [true, true, false]);
      assert.deepEqual(seen.nulls, [...nulls, 0]);
      assert.deepEqual(seen.missing, [...nulls, 0]);
      assert.deepEqual(seen.x, WRITTEN.x);
      assert.deepEqual(seen.n, WRITTEN.n);
    }),
});

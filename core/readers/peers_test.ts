import assert from "node:assert/strict";
import { findPython } from "../../tests/shared/python.ts";
import { readWhole, withFiles } from "./testdata/testing.ts";

const COUNT = Number(Deno.env.get("FUZZ_VARIANTS") ?? 60);
const SCRIPT = "tests/parity/make_random_data.py";
const python = findPython(["pyarrow"]);

interface Expected {
  readonly columns: readonly string[];
  readonly options: { readonly field?: string };
  /** null: Python refuses the file. */
  readonly rows: readonly Record<string, unknown>[] | null;
  readonly faults?: number;
}

/** Values as golden.json spells them. */
function spelled(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (typeof value === "number" && !Number.isFinite(value)) {
    return { float: Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf" };
  }
  if (Array.isArray(value)) return value.map(spelled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, spelled(part)]));
}

Deno.test({
  name: "made-up Parquet, Arrow, JSON and CSV files have the rows that pyarrow and Python read",
  ignore: python === undefined,
  fn: () =>
    withFiles({}, async (folder) => {
      const args = [SCRIPT, "1", String(COUNT), folder];
      const { success, stderr } = await new Deno.Command(python!, { args }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const golden: Record<string, Expected> = JSON.parse(
        await Deno.readTextFile(`${folder}/golden.json`),
      );
      for (const [name, { columns, options, rows, faults = 0 }] of Object.entries(golden)) {
        const uses = columns.map((column) => ({ names: [column], is_optional: false }));
        const { records, skipped } = await readWhole(`${folder}/${name}`, { ...options, uses });
        if (rows === null) {
          assert.ok(skipped.some((fault) => /quote/.test(fault)), name);
          continue;
        }
        assert.deepEqual(records.map(({ value }) => spelled(value)), rows, name);
        assert.equal(skipped.length, faults, `${name}: ${skipped}`);
      }
    }),
});

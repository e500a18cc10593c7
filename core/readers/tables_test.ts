import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { Dictionary, Int8, Table, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { ArrowEncoder } from "../arrow/mod.ts";
import { checkPage } from "./parquet_pages.ts";
import type { DataRecord } from "./reading.ts";
import { readRecords } from "./records.ts";
import { all, readWhole, withFiles } from "./testdata/testing.ts";

const FIXTURES = "tests/fixtures/readers";
type Row = Record<string, unknown>;
const golden: { full: Row[]; large: Row[]; exact: Row[]; saved: Record<string, Row[]> } = JSON
  .parse(
    readFileSync(`${FIXTURES}/golden.json`, "utf8"),
  );

/** Binary values as the golden file spells them. */
function spelled(record: DataRecord): Row {
  return JSON.parse(JSON.stringify(record.value, (_, value) => {
    return value instanceof Uint8Array ? { bytes: [...value] } : value;
  }));
}

function select(rows: readonly Row[], columns: readonly string[]): Row[] {
  return rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column]])));
}

async function assertGolden(file: string, expected: readonly Row[]): Promise<void> {
  const records = await all(readRecords(`${FIXTURES}/${file}`));
  assert.equal(records.length, expected.length);
  for (const [at, record] of records.entries()) {
    assert.equal(record.row, at + 1);
    assert.equal(record.file, `${FIXTURES}/${file}`);
    assert.deepEqual(spelled(record), expected[at], `${file} row ${record.row}`);
  }
}

for (const codec of ["none", "snappy", "gzip", "zstd", "brotli", "lz4", "pages_v2"]) {
  Deno.test(`Parquet: rows as pyarrow wrote them, ${codec}`, () => {
    return assertGolden(`${codec}.parquet`, golden.full);
  });
}

Deno.test("Parquet: rows across many small pages, and the other encodings", async () => {
  const small = ["text", "required", "small", "big", "flag", "double", "words", "turns"];
  await assertGolden("small_pages.parquet", select(golden.full, small));
  const encoded = ["text", "required", "small", "big", "double", "flag"];
  await assertGolden("encodings.parquet", select(golden.full, encoded));
});

Deno.test("Arrow: rows as pyarrow wrote them, file and stream format", async () => {
  await assertGolden("file.arrow", golden.full);
  await assertGolden("stream.arrow", golden.full);
});

Deno.test("Arrow: views, large types, Zstandard and LZ4", async () => {
  await assertGolden("zstd.feather", golden.large);
  await assertGolden("lz4.feather", golden.large);
});

Deno.test("Arrow: files with the schema only in the footer, with dictionaries and several batches", async () => {
  const label = new Dictionary(new Utf8(), new Int8());
  const batches = [["a", "b", "a"], ["b", "c"]].map((labels, i) =>
    new Table({
      text: vectorFromArray(labels.map((text) => `${text}${i}`), new Utf8()),
      label: vectorFromArray(labels, label),
    })
  );
  const texts = ["a0", "b0", "a0", "b1", "c1"];
  const files = {
    "one.arrow": tableToIPC(batches[0], "file"),
    "two.arrow": tableToIPC(
      batches[0].select(["text"]).concat(batches[1].select(["text"])),
      "file",
    ),
  };
  await withFiles(files, async (folder) => {
    const [one, two] = [
      await all(readRecords(`${folder}/one.arrow`)),
      await all(readRecords(`${folder}/two.arrow`)),
    ];
    assert.deepEqual(one.map(({ value }) => value), [
      { text: "a0", label: "a" },
      { text: "b0", label: "b" },
      { text: "a0", label: "a" },
    ]);
    assert.deepEqual(
      two.map(({ row, value }) => [row, value.text]),
      texts.map((t, i) => [i + 1, t]),
    );
  });
});

Deno.test("Arrow: tables of artifacts are read", async () => {
  const parts: Uint8Array[] = [];
  const encoder = new ArrowEncoder(
    { text: "utf8", count: "int32" },
    (bytes) => void parts.push(bytes.slice()),
  );
  const text = Array.from({ length: 3000 }, (_, i) => `text number ${i}`);
  encoder.write({ text, count: Int32Array.from(text, (_, i) => i) });
  encoder.finish();
  await withFiles({ "table.arrow": Buffer.concat(parts) }, async (folder) => {
    const records = await all(readRecords(`${folder}/table.arrow`));
    assert.deepEqual(
      records.map(({ value }) => value),
      text.map((text, count) => ({ text, count })),
    );
  });
});

Deno.test("tables: only the wanted columns; the error for a missing one lists the others", async () => {
  for (const file of ["snappy.parquet", "file.arrow"]) {
    const columns = ["turns", "text"];
    const records = await all(readRecords(`${FIXTURES}/${file}`, { columns }));
    assert.deepEqual(records.map(spelled), select(golden.full, columns));
    assert.deepEqual(Object.keys(records[0].value), columns);
    await assert.rejects(
      readWhole(`${FIXTURES}/${file}`, { columns: ["txt"] }),
      new RegExp(`${file}: no column "txt"; the file has text, required, label, `),
    );
  }
});

const usesOf = (names: readonly string[]) =>
  names.map((name) => ({ names: [name], is_optional: false }));

Deno.test("tables: integers and decimals with all their digits", async () => {
  const { huge: _, ...others } = golden.exact[0];
  for (
    const [file, columns] of [
      ["exact.parquet", Object.keys(golden.exact[0])],
      ["exact_integers.parquet", Object.keys(others)],
      ["odd.arrow", Object.keys(golden.exact[0])],
      ["odd_stream.arrow", Object.keys(golden.exact[0])],
    ] as const
  ) {
    const uses = usesOf(columns);
    const records = await all(readRecords(`${FIXTURES}/${file}`, { uses }));
    assert.deepEqual(records.map(spelled), select(golden.exact, columns), file);
  }
  assert.equal(golden.exact[1].price, "-9999999.98");
  assert.equal(golden.exact[0].id, "9223372036854775807");
});

Deno.test("Arrow: columns of types that cannot be read do no harm unless they are used", async () => {
  for (const file of ["odd.arrow", "odd_stream.arrow"]) {
    const path = `${FIXTURES}/${file}`;
    for (const columns of [["bytes"], ["text", "price"], ["label", "views", "hash"], ["big"]]) {
      const records = await all(readRecords(path, { uses: usesOf(columns) }));
      assert.deepEqual(
        records.map(({ value }) => Object.keys(value).sort()[0]),
        Array(5).fill(columns.toSorted()[0]),
      );
      const known = columns.filter((name) => Object.hasOwn(golden.exact[0], name));
      assert.deepEqual(select(records.map(spelled), known), select(golden.exact, known));
    }
    const [{ value }] = await all(readRecords(path, { uses: usesOf(["label", "views"]) }));
    assert.deepEqual({ ...value }, { label: "a", views: "a string longer than twelve bytes" });
    for (const [name, type] of [["runs", "RunEndEncoded"], ["view", "ListView"]]) {
      await assert.rejects(
        all(readRecords(path, { uses: usesOf(["text", name]) })),
        new RegExp(
          `${file} .*column "${name}" has the type ${type}, which is not supported; cast it`,
        ),
      );
    }
    await assert.rejects(
      all(readRecords(path, { uses: usesOf(["dense"]) })),
      new RegExp(`${file} .*columns of type .*Union.* are not supported`),
    );
    await assert.rejects(
      all(readRecords(path, { uses: usesOf(["txt"]) })),
      /no column "txt"; the file has runs, text, view, /,
    );
  }
});

Deno.test("Parquet: an encrypted column does no harm unless it is used", async () => {
  const path = `${FIXTURES}/encrypted_column.parquet`;
  const records = await all(readRecords(path, { uses: usesOf(["text"]) }));
  assert.deepEqual(records.map(({ value }) => value), [{ text: "one" }, { text: "two" }]);
  await assert.rejects(
    all(readRecords(path, { uses: usesOf(["secret"]) })),
    /encrypted_column\.parquet: column "secret" is encrypted; write the file again without encryption/,
  );
});

Deno.test("Parquet: a damaged row group is skipped from its first bad row, the next is read", async () => {
  const good = readFileSync(`${FIXTURES}/snappy.parquet`);
  // The first group's first page, header and all.
  const bad = Uint8Array.from(good).fill(0xff, 4, 80);
  await withFiles({ "a.parquet": bad }, async (folder) => {
    const { records, skipped } = await readWhole(`${folder}/a.parquet`);
    assert.deepEqual(records.map(spelled), golden.full.slice(13));
    assert.equal(records[0].row, 14);
    assert.match(skipped.join(), /^FILE: row group 1 cannot be read \(/);
  });
});

Deno.test("tables: text that is not UTF-8 spoils only its row", async () => {
  const spoiled = (file: string) => {
    const data = Uint8Array.from(readFileSync(`${FIXTURES}/${file}`));
    // "r3" of the column "required", stored in order and uncompressed.
    const at = Buffer.from(data).indexOf(file.endsWith("arrow") ? "r0r1r2r3" : "r3\x02\0\0\0r4");
    data[at + (file.endsWith("arrow") ? 6 : 0)] = 0xff;
    return data;
  };
  const files = {
    "stream.arrow": spoiled("stream.arrow"),
    "none.parquet": spoiled("none.parquet"),
  };
  await withFiles(files, async (folder) => {
    for (const file of Object.keys(files)) {
      const { records, skipped } = await readWhole(`${folder}/${file}`);
      assert.deepEqual(records.map(spelled), golden.full.filter((_, at) => at !== 3));
      assert.deepEqual(skipped, ['FILE:4: column "required" is not UTF-8 text']);
    }
  });
});

Deno.test("tables: truncated and foreign files are named", async () => {
  const cut = (file: string, bytes: number) =>
    readFileSync(`${FIXTURES}/${file}`).subarray(0, bytes);
  const size = readFileSync(`${FIXTURES}/stream.arrow`).length;
  const files: Record<string, Uint8Array> = {
    "cut.parquet": cut("snappy.parquet", 5000),
    "empty.parquet": new Uint8Array(),
    "text.parquet": new TextEncoder().encode("this is no table at all"),
    "cut.arrow": cut("stream.arrow", size - 2000),
    "mark.arrow": cut("stream.arrow", size - 8),
    "file.arrow": cut("file.arrow", 12_000),
    "empty.arrow": new Uint8Array(),
    "text.arrow": new TextEncoder().encode("this is no table at all"),
  };
  const expected: Record<string, [rows: number, fault: RegExp]> = {
    "cut.parquet": [
      0,
      /^FILE is not a readable Parquet file \(truncated: it does not end with PAR1/,
    ],
    "empty.parquet": [0, /^FILE is not a readable Parquet file \(it does not begin with PAR1/],
    "text.parquet": [0, /^FILE is not a readable Parquet file \(it does not begin with PAR1/],
    "cut.arrow": [20, /^FILE, after row 20: cannot be read as Arrow data \(truncated or damaged/],
    "mark.arrow": [
      25,
      /^FILE, after row 25: cannot be read as Arrow data \(truncated: its end is missing/,
    ],
    "file.arrow": [20, /^FILE, after row 20: cannot be read as Arrow data \(truncated/],
    "empty.arrow": [0, /^FILE cannot be read as Arrow data \(the file is empty/],
    "text.arrow": [0, /^FILE cannot be read as Arrow data \(truncated/],
  };
  await withFiles(files, async (folder) => {
    for (const [file, [rows, fault]] of Object.entries(expected)) {
      const { records, skipped } = await readWhole(`${folder}/${file}`);
      assert.equal(records.length, rows, file);
      assert.equal(skipped.length, 1);
      assert.match(skipped[0], fault);
      await assert.rejects(
        all(readRecords(`${folder}/${file}`)),
        new RegExp(rows === 0 ? `${file} ` : `${file}, after row ${rows}: `),
      );
    }
  });
});

Deno.test("Parquet: pages that expand too much, and runs longer than their page declares, are refused", async () => {
  await assert.rejects(
    all(readRecords(`${FIXTURES}/zstd.parquet`, { limits: { max_expanded_bytes: 50 } })),
    /zstd\.parquet: row group 1 cannot be read \(expands to more than 50 bytes; raise limits.max_exp/,
  );
  const header = (encoding: "RLE_DICTIONARY" | "DELTA_BYTE_ARRAY") => ({
    type: "DATA_PAGE" as const,
    uncompressed_page_size: 0,
    compressed_page_size: 0,
    data_page_header: {
      num_values: 10,
      encoding,
      definition_level_encoding: "RLE" as const,
      repetition_level_encoding: "RLE" as const,
    },
  });
  // A width of one bit, then a run of so many values: 10, and 2^27.
  const runs = header("RLE_DICTIONARY");
  checkPage(runs, Uint8Array.of(1, 20, 0), [], false);
  assert.throws(
    () => checkPage(runs, Uint8Array.of(1, 0x80, 0x80, 0x80, 0x80, 1, 0), [], false),
    /damaged: a page has more values than it declares/,
  );
  // Blocks of 128 values in 4 parts, 3 values in all; prefixes of 2^31 - 1 bytes, none growing.
  const prefixes = Uint8Array.of(128, 1, 4, 3, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0);
  assert.throws(
    () => checkPage(header("DELTA_BYTE_ARRAY"), prefixes, [], false),
    /damaged: a page is too large/,
  );
});

Deno.test("Hugging Face folders: splits by name, shards in order", async () => {
  const saved = `${FIXTURES}/saved`;
  for (const split of ["train", "test"]) {
    const records = await all(readRecords(saved, { split }));
    assert.deepEqual(records.map(spelled), golden.saved[split]);
    const alone = await all(readRecords(`${saved}/${split}`));
    assert.deepEqual(alone.map(spelled), golden.saved[split]);
  }
  await assert.rejects(
    all(readRecords(saved)),
    /saved has several splits; set split to one of train, test/,
  );
  await assert.rejects(
    all(readRecords(saved, { split: "dev" })),
    /saved has no split "dev"; set split to one of train, test/,
  );
});

Deno.test("Hugging Face folders: files outside, missing files and broken state are refused", async () => {
  const state = (filename: string) =>
    JSON.stringify({ _data_files: [{ filename }], _split: "train" });
  const files = {
    "outside/state.json": state("../other/data.arrow"),
    "missing/state.json": state("data-00000-of-00001.arrow"),
    "broken/state.json": "{",
    "foreign/state.json": "{}",
    "links/dataset_dict.json": '{"splits":["../outside"]}',
  };
  const expected = [
    /state\.json: data file "\.\.\/other\/data\.arrow" is refused: it is outside the folder/,
    /file .*data-00000-of-00001\.arrow does not exist; check the path in the recipe/,
    /state\.json: not valid JSON/,
    /state\.json: _data_files is missing; it must be a list/,
    /dataset_dict\.json: split "\.\.\/outside" is refused/,
  ];
  await withFiles(files, async (folder) => {
    for (const [at, file] of Object.keys(files).entries()) {
      const path = `${folder}/${file.split("/")[0]}`;
      const split = at === 4 ? "../outside" : undefined;
      await assert.rejects(all(readRecords(path, { split })), expected[at]);
    }
    await assert.rejects(
      all(readRecords(`${folder}/missing`, { split: "test" })),
      /missing has the split "train", not "test"/,
    );
  });
});

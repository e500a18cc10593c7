import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { readRecords } from "./records.ts";
import { all, liveBytes, readWhole, withFiles } from "./testdata/testing.ts";

/** Rows as Python's csv module reads them (strict, newline=""), with the line where each begins. */
const CASES: [name: string, text: string, rows: [line: number, ...fields: string[]][]][] = [
  ["plain.csv", "a,b\n1,2\n3,4", [[2, "1", "2"], [3, "3", "4"]]],
  ["windows.csv", "\ufeffa,b\r\n1,2\r\n\r\n3,4\r\n", [[2, "1", "2"], [4, "3", "4"]]],
  ["mac.csv", "a,b\r1,2\r3,4\r", [[2, "1", "2"], [3, "3", "4"]]],
  [
    "quotes.csv",
    'a,b\n"x, ""y""\n\r\nz",\n  " ,"q"\n,"\r"\n"",""',
    [[2, 'x, "y"\n\r\nz', ""], [5, '  " ', "q"], [6, "", "\r"], [8, "", ""]],
  ],
  ["a.tsv", 'a\tb\n1,2\t"3\t4"\n', [[2, "1,2", "3\t4"]]],
  ["header.csv", "a,b", []],
  ["empty.csv", "", []],
];

Deno.test("CSV and TSV: rows as Python reads them, compressed or not", async () => {
  const files = Object.fromEntries(CASES.flatMap(([name, text]) => [
    [name, text],
    [`${name}.gz`, gzipSync(text)],
  ]));
  await withFiles(files, async (folder) => {
    for (const [name, , rows] of CASES) {
      for (const file of [`${folder}/${name}`, `${folder}/${name}.gz`]) {
        const expected = rows.map(([row, a, b]) => ({ file, row, value: { a, b } }));
        assert.deepEqual(await all(readRecords(file)), expected, name);
      }
    }
  });
});

Deno.test("CSV: a record of another length or with a wrong quote is named with its line, or skipped", async () => {
  const text = 'a,b\n1\n1,2,3\n"x"y,2\n"m\nn",\n4,5\n\n"open,\n6';
  await withFiles({ "a.csv": text, "b.csv": "a,b\n1,2\n3" }, async (folder) => {
    const { records, skipped } = await readWhole(`${folder}/a.csv`);
    assert.deepEqual(records.map(({ row, value }) => [row, value]), [
      [5, { a: "m\nn", b: "" }],
      [7, { a: "4", b: "5" }],
    ]);
    assert.deepEqual(skipped, [
      "FILE:2: 1 field for 2 columns",
      "FILE:3: 3 fields for 2 columns",
      "FILE:4: a closing quote is followed by text",
      "FILE:9: a quote is not closed before the end of the file",
    ]);
    await assert.rejects(all(readRecords(`${folder}/b.csv`)), /b\.csv:3: 1 field for 2 columns/);
    const limits = { max_record_bytes: 4 };
    assert.match(
      (await readWhole(`${folder}/a.csv`, { limits })).skipped.join("\n"),
      /FILE:3: the record is longer than limits\.max_record_bytes \(4 bytes\); is a quote missing\?/,
    );
  });
});

Deno.test("CSV: headers, delimiters and encodings", async () => {
  const files = {
    "semicolons.csv": "question;answer\nq;a\n",
    "twice.csv": "a,b,a\n1,2,3\n",
    "unnamed.csv": ",a,\n0,x,1\n",
    "latin.csv": Uint8Array.of(97, 10, 0xe9, 10, 98, 10),
  };
  await withFiles(files, async (folder) => {
    const uses = [{ names: ["question"], is_optional: false }];
    const semicolons = (delimiter?: string) =>
      all(readRecords(`${folder}/semicolons.csv`, { uses, delimiter }));
    await assert.rejects(
      semicolons(),
      /:1: no column "question"; the file has question;answer; is the delimiter ";"\?$/,
    );
    const [{ value }] = await semicolons(";");
    assert.deepEqual(value, { question: "q", answer: "a" });
    await assert.rejects(all(readRecords(`${folder}/twice.csv`)), /:1: column "a" appears twice/);
    const one = [{ names: ["b"], is_optional: false }];
    assert.equal((await all(readRecords(`${folder}/twice.csv`, { uses: one })))[0].value.b, "2");
    assert.deepEqual((await readWhole(`${folder}/twice.csv`)).records, []);
    const [unnamed] = await all(readRecords(`${folder}/unnamed.csv`));
    assert.equal(unnamed.value.a, "x");
    const { records, skipped } = await readWhole(`${folder}/latin.csv`);
    assert.deepEqual(records.map(({ value }) => value.a), ["b"]);
    assert.deepEqual(skipped, [
      "FILE:2: is not UTF-8 text; convert it, e.g. with iconv -f WINDOWS-1252 -t UTF-8",
    ]);
  });
});

Deno.test("a large CSV file is read in bounded memory", async () => {
  const block = Array.from({ length: 1000 }, (_, i) => `${i},"${"text, ".repeat(20)}\n${i}"\n`)
    .join("");
  const blocks = Math.ceil(40e6 / block.length);
  await withFiles({ "a.csv": "id,text\n" }, async (folder) => {
    using file = Deno.openSync(`${folder}/a.csv`, { append: true });
    for (let i = 0; i < blocks; i++) file.writeSync(new TextEncoder().encode(block));
    const before = liveBytes();
    let count = 0, peak = 0;
    for await (const { row } of readRecords(`${folder}/a.csv`)) {
      assert.equal(row, 2 + 2 * count++);
      if (count % 20_000 === 0) peak = Math.max(peak, liveBytes());
    }
    assert.equal(count, 1000 * blocks);
    assert.ok(peak - before < 50e6, `${peak - before} bytes more than before`);
  });
});

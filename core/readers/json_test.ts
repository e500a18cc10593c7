import assert from "node:assert/strict";
import { canonicalNumber, parseJson } from "./json_text.ts";
import { ValueCutter } from "./json_values.ts";
import { readRecords } from "./records.ts";
import { all, bytes, readWhole, withFiles } from "./testdata/testing.ts";

Deno.test("JSON: numbers that JavaScript would alter stay the text of the file", () => {
  const cases: [string, unknown][] = [
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", "9007199254740992"],
    ["9007199254740993", "9007199254740993"],
    ["-1234567890123456789", "-1234567890123456789"],
    ["18446744073709551616", "18446744073709551616"],
    ["12345678901234567890.12", "12345678901234567890.12"],
    ["0.30000000000000004", 0.30000000000000004],
    ["0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"],
    ["1e400", "1e400"],
    ["1e-400", "1e-400"],
    ["1e22", 1e22],
    ["1.0", 1],
    ["0.000000000000000000", 0],
    ["[1, [12345678901234567]]", [1, ["12345678901234567"]]],
    ['"12345678901234567"', "12345678901234567"],
  ];
  for (const [text, value] of cases) assert.deepEqual(parseJson(text), value, text);
});

Deno.test("JSON: NaN and infinities as Python writes them, and not within texts", () => {
  assert.deepEqual(
    parseJson(
      '{"a": NaN, "b": [Infinity, -Infinity], "NaN": "a NaN, \\"NaN", "id": 9007199254740993}',
    ),
    { a: NaN, b: [Infinity, -Infinity], NaN: 'a NaN, "NaN', id: "9007199254740993" },
  );
  for (const bad of ["{NaN}", "[nan]", "-NaN", '{"a": NaNa}', "[Infinityy]", "[1 NaN]"]) {
    assert.throws(() => parseJson(bad), SyntaxError, bad);
  }
});

Deno.test("one number has one canonical text", () => {
  const same = [["1.50", "15e-1", "0.15E1", "1.5"], ["0", "-0", "0.00", "0e5"], ["100", "1e2"]];
  for (const texts of same) assert.equal(new Set(texts.map(canonicalNumber)).size, 1, texts.join());
  assert.notEqual(canonicalNumber("9007199254740993"), canonicalNumber("9007199254740992"));
  for (const text of ["", "007", "1.", ".5", "+1", "0x1", "1 "]) {
    assert.equal(canonicalNumber(text), undefined, text);
  }
});

const PRETTY = `[
  {
    "a": 1,
    "b": "]},{[\\"\\\\"
  },
  { "a": 2, "list": [[], {"c": [1, 2]}] }
]
`;
const WRAPPED = '{"version": NaN, "data": 3, "more": {"data": []}, "x": {"data":\n' + PRETTY +
  ', "y": [1]}, "tail": []}';

Deno.test("JSON: arrays, objects over several lines, and an array in a field", async () => {
  const objects = PRETTY.trim().slice(1, -1).replace("},\n  { ", "}\n\n{ ");
  const files = {
    "array.json": PRETTY,
    "objects.json": objects,
    "wrapped.json": "\ufeff" + WRAPPED,
    "lines.json": '{"a":1,"b":"]},{[\\"\\\\"}\n{"a":2,"list":[[],{"c":[1,2]}]}\n',
    "one_line.json": '{"a":1,"b":"]},{[\\"\\\\"}{"a":2,"list":[[],{"c":[1,2]}]}',
  };
  await withFiles(files, async (folder) => {
    for (const name of Object.keys(files)) {
      const field = name === "wrapped.json" ? "x.data" : undefined;
      const found = await all(readRecords(`${folder}/${name}`, { field }));
      assert.deepEqual(found.map(({ row, value }) => [row, value]), [
        [1, { a: 1, b: ']},{["\\' }],
        [2, { a: 2, list: [[], { c: [1, 2] }] }],
      ], name);
    }
  });
});

Deno.test("JSON: values are found wherever the file is cut into pieces", () => {
  const data = bytes(WRAPPED);
  const expected = PRETTY.trim().slice(1, -1).split(/(?<=\n {2}\}),/);
  for (let size = 1; size < data.length; size += 3) {
    const cutter = new ValueCutter({ field: ["x", "data"], max_bytes: 1000 });
    const found: string[] = [];
    for (let at = 0; at < data.length; at += size) {
      for (const value of cutter.push(data.subarray(at, at + size))) {
        found.push(new TextDecoder().decode(value));
      }
    }
    assert.deepEqual(found, expected, `pieces of ${size}`);
    assert.ok(!cutter.is_unfinished && !cutter.has_more);
    assert.deepEqual(cutter.arrays, ["x.data"]);
  }
});

Deno.test("JSON: what is wrong is named, and the rest of an array is read", async () => {
  const files = {
    "mixed.json": ' \n[{"a":1},\n2,{"a":3}]\n',
    "empty.json": "[ ]",
    "nothing.json": "",
    "cut.json": '[{"a":1},{"a":',
    "comma.json": '[{"a":1},]',
    "more.json": '[{"a":1}] {"a":2}',
    "pair.json": '[{"a":1} {"a":2}]',
    "wrapped.json": '{"version": 1, "data": [{"a":1}], "other": [2]}',
    "pretty.jsonl": '{\n  "a": 1\n}\n',
    "cut_object.json": '{\n"a": 1',
  };
  const faults: Record<string, [rows: number[], fault?: RegExp]> = {
    "mixed.json": [[1, 3], /^FILE:2: a record must be a JSON object with named columns$/],
    "empty.json": [[]],
    "nothing.json": [[]],
    "cut.json": [[1], /^FILE, after row 1: not valid JSON \(the file ends too early\)/],
    "comma.json": [[1], /^FILE:2: not valid JSON \(a comma without an element\)$/],
    "more.json": [
      [1],
      /^FILE, after row 1: not valid JSON \(the array ends before the file does\)$/,
    ],
    "pair.json": [[], /^FILE:1: not valid JSON \(/],
    "pretty.jsonl": [[], /^FILE:1: not valid JSON .*add to the dataset: format: "json"$/],
    "cut_object.json": [[], /^FILE:1: not valid JSON \(/],
  };
  await withFiles(files, async (folder) => {
    for (const [name, [rows, fault]] of Object.entries(faults)) {
      const { records, skipped } = await readWhole(`${folder}/${name}`);
      assert.deepEqual(records.map(({ row }) => row), rows, name);
      if (fault) assert.match(skipped[0], fault, name);
      else assert.deepEqual(skipped, [], name);
    }
    const uses = [{ names: ["a"], is_optional: false }];
    const wrapped = (field?: string) => all(readRecords(`${folder}/wrapped.json`, { field, uses }));
    await assert.rejects(
      wrapped(),
      /:1: the records seem to be in a list .* add to the dataset: field: "data", format: "json"$/,
    );
    await assert.rejects(
      wrapped("date"),
      /wrapped\.json: there is no array "date"; the fields that are arrays are "data", "other"$/,
    );
    assert.deepEqual((await wrapped("data")).map(({ value }) => value), [{ a: 1 }]);
    await assert.rejects(
      all(readRecords(`${folder}/mixed.json`, { field: "data" })),
      /the file is an array; remove "field" from the dataset/,
    );
    const limits = { max_record_bytes: 10 };
    await assert.rejects(
      all(readRecords(`${folder}/wrapped.json`, { limits })),
      /:1: the record is longer than limits\.max_record_bytes \(10 bytes\); shorten it/,
    );
    // Elements are limited, not the array.
    assert.equal((await readWhole(`${folder}/mixed.json`, { limits })).records.length, 2);
  });
});

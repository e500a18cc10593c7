import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { recordCard, type RecordCardOptions } from "./record_card.ts";
import { columnsOf, compileTemplate, findUnusedElements } from "./template.ts";
import { bytes, withFiles } from "./testdata/testing.ts";

Deno.test("templates: columns, fields, elements, joined lists and braces", () => {
  const record = {
    a: "A",
    n: 3,
    "odd.name": "odd",
    answers: { text: ["one", "two"], start: [4] },
    turns: ["Hi", "Ho"],
  };
  const cases: [string, string][] = [
    ["a", "A"],
    ["{a}-{n}", "A-3"],
    ["{{{a}}}", "{A}"],
    ["answers.text[1]", "two"],
    ["{answers.start[0]}", "4"],
    ["{turns[, ]}", "Hi, Ho"],
    ["{turns[\n\n]}", "Hi\n\nHo"],
    ["turns[]", "HiHo"],
    ["odd.name", "odd"],
    ["no columns at {n}", "no columns at 3"],
  ];
  for (const [template, text] of cases) {
    assert.equal(compileTemplate(template)(record, "f:1"), text);
  }
});

Deno.test("templates: errors name the row, the column and its value", () => {
  const record = {
    a: "A",
    none: null,
    list: ["x"],
    nested: { b: [1] },
    empty: [],
    turns: [{ from: "human", value: "Hi" }],
  };
  const faults: [string, RegExp][] = [
    ["b", /^Error: f:7: no column "b"; the record has a, none, list, nested, empty, turns$/],
    [
      "{none}",
      /f:7: column "none" is null, not text; write \{none\?\} where it may be missing, or/,
    ],
    [
      "{list}",
      /f:7: column "list" is a list of 1 element, not text; write \{list\[0\]\} for its first element, or/,
    ],
    [
      "list[1]",
      /f:7: column "list" has 1 element, so there is no \[1\] \(the first is \[0\]\); write \{list\[1\]\?\} where/,
    ],
    ["nested.c", /f:7: column "nested" has no field "c"; its only field is b$/],
    ["a.b", /f:7: column "a" is text, so it has no field "b"$/],
    ["list.length", /f:7: column "list" is a list of 1 element, so it has no field "length"$/],
    ["{toString}", /no column "toString"/],
    ["{nested[, ]}", /f:7: column "nested" is an object, not a list$/],
    [
      "{empty[0].text}",
      /f:7: column "empty" is an empty list; write \{empty\[0\]\.text\?\} where .* on_error: "skip"$/,
    ],
    [
      "{turns[ ]}",
      /f:7: column "turns\[0\]" is an object, not text \(its fields are from, value\);/,
    ],
    [
      "{turns[0].text}",
      /f:7: column "turns\[0\]" has no field "text"; its fields are from, value$/,
    ],
    [
      "nested",
      /is an object, not text \(its only field is b\); name a field, as in \{nested\.b\}$/,
    ],
  ];
  for (const [template, fault] of faults) {
    assert.throws(() => compileTemplate(template)(record, "f:7"), fault, template);
  }
  assert.throws(() => compileTemplate("a {b"), /unpaired brace/);
  assert.throws(() => compileTemplate("{a[0}"), /"a\[0" is not a path like/);
});

Deno.test("templates: columns that may be missing, and texts in their place", () => {
  const record = {
    a: "A",
    none: null,
    nan: NaN,
    empty: "",
    list: ["x", null],
    nested: { b: [] },
    "what?": "odd",
    "x|y": "bar",
    signs: ["a", "b"],
  };
  const cases: [string, string][] = [
    ["{a?}{b?}{none?}{nan?}{empty?}.", "A."],
    ["{a|-}{b|no b}{none|1}{nan|2}{empty|3}", "Ano b123"],
    ["{nested.b[0]?}{nested.c.d|none}{list[5]|}", "none"],
    ["b?", ""],
    ["{what?}{x|y}", "oddbar"],
    ["{signs[|]}{signs[?]|no}{list[, ]|holes}", "a|ba?bholes"],
    ["{b|a|c}", "a|c"],
  ];
  for (const [template, text] of cases) {
    assert.equal(compileTemplate(template)(record, "f:1"), text, template);
  }
  for (const wrong of ["{list?}", "{nested|none}"]) {
    assert.throws(
      () => compileTemplate(wrong)(record, "f:1"),
      /is (a list of 2 elements|an object), not text/,
    );
  }
});

Deno.test("templates: bytes are text if they are UTF-8; values of other types are named", () => {
  const record = {
    text: bytes("größe"),
    image: Uint8Array.of(0x89, 0x50),
    score: NaN,
    big: Infinity,
  };
  assert.equal(compileTemplate("{text}")(record, "f:1"), "größe");
  assert.equal(compileTemplate("{big}")(record, "f:1"), "Infinity");
  assert.throws(
    () => compileTemplate("{image?}")(record, "f:1"),
    /^Error: f:1: column "image" is binary and not UTF-8 text$/,
  );
  assert.throws(
    () => compileTemplate("{score}")(record, "f:1"),
    /column "score" is NaN, not text; write \{score\?\}/,
  );
});

Deno.test("the columns that a template uses", () => {
  assert.deepEqual(columnsOf("plain"), [{ names: ["plain"], is_optional: false }]);
  assert.deepEqual(columnsOf("{{a}} {b.c[0]} {d?}{e[, ]|none}"), [
    { names: ["b.c[0]", "b"], is_optional: false },
    { names: ["d?", "d"], is_optional: true },
    { names: ["e[, ]|none", "e[, ]", "e"], is_optional: true },
  ]);
});

async function textsOf(
  content: string | Uint8Array,
  name: string,
  how: Partial<RecordCardOptions>,
) {
  let texts: string[] = [];
  await withFiles({ [name]: content }, async (folder) => {
    const card = recordCard({ name: "mine", path: `${folder}/${name}`, text: "text", ...how });
    const documents = await Array.fromAsync(card.documents());
    texts = documents.map(({ text, group }) => group === undefined ? text : `${group}: ${text}`);
  });
  return texts;
}

Deno.test("ids and decimals are exact in texts, groups and selections", async () => {
  const ids = ["9007199254740993", "9007199254740992", "7"];
  const lines = ids.map((id) => `{"id": ${id}, "price": 19.90, "other": NaN}`).join("\n");
  const read = (how: Partial<RecordCardOptions>) =>
    textsOf(lines, "a.jsonl", { text: "id", ...how });
  assert.deepEqual(await read({ group: "{id}" }), ids.map((id) => `${id}: ${id}`));
  const select = (column: string, ...values: (string | number)[]) =>
    read({ where: { column, in: values } });
  assert.deepEqual(await select("id", "9007199254740993"), ["9007199254740993"]);
  assert.deepEqual(await select("id", "9007199254740992", "7"), ["9007199254740992", "7"]);
  assert.deepEqual(await select("id", 7), ["7"]);
  assert.deepEqual((await select("price", "19.90")).length, 3);
  assert.deepEqual((await select("price", 19.9)).length, 3);
  const csv = "text,price\na,19.90\nb,007\n";
  const of = (...values: (string | number)[]) =>
    textsOf(csv, "a.csv", { where: { column: "price", in: values } });
  assert.deepEqual(await of(19.9), ["a"]);
  await assert.rejects(of(7, "19.9"), /has no documents/);
});

Deno.test("settings of one format are refused for files in another", async () => {
  const read = (how: Partial<RecordCardOptions>) => textsOf('{"text":"a"}', "a.jsonl", how);
  await assert.rejects(
    read({ field: "data" }),
    /a\.jsonl: "field" is for files in format json, and this one is read as jsonl; remove "field"/,
  );
  await assert.rejects(read({ separator: "\n" }), /"separator" is for files in format text/);
  await assert.rejects(read({ delimiter: ";" }), /"delimiter" is for files in format csv or tsv/);
  assert.deepEqual(await textsOf('{"d":[{"text":"a"}]}', "a.json", { field: "d" }), ["a"]);
  assert.deepEqual(await textsOf(gzipSync("a--b"), "a.txt.gz", { separator: "--" }), ["a", "b"]);
});

Deno.test("elements of a list that no template takes are found", () => {
  const unused = findUnusedElements(["User: {messages[0].content}\n", "{messages[1].content}"]);
  const turns = (count: number) => ({ messages: Array.from({ length: count }, () => ({})) });
  assert.equal(unused(turns(2)), undefined);
  assert.equal(unused(turns(3)), "messages");
  assert.equal(
    findUnusedElements(["{answers.text[0]}"])({ answers: { text: ["a", "b"] } }),
    "answers.text",
  );
  assert.equal(
    findUnusedElements(["{options[, ]}", "{x}"])({ options: ["a", "b"], x: ["c"] }),
    undefined,
  );
});

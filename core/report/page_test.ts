import assert from "node:assert/strict";
import { tableFromIPC } from "apache-arrow";
import { ports } from "../stage/mod.ts";
import { filesOf, renderPage, section, shownTable, tableFile } from "./mod.ts";

const HEAD = { title: "A <study>", description: "" };
const ROWS = [{ model: "a", source: "b", loss: 2.5, bits_per_byte: null, tokens: 9 }];
const FILE = tableFile("rates", ports.evaluation, ROWS);

const tableOf = (rows: number) => {
  const numbers = Array.from({ length: rows }, (_, i) => i);
  return shownTable("Counted.", numbers, { n: String, "#twice": (n) => String(2 * n) });
};

Deno.test("tables that are long are folded, others are open", () => {
  const page = (rows: number) => renderPage(HEAD, [section("a", "A", { blocks: [tableOf(rows)] })]);
  assert.doesNotMatch(page(30), /<details/);
  assert.match(page(31), /<summary>31 rows<\/summary>/);
});

Deno.test("files of tables and of sections are in the page, byte for byte, and are all listed", () => {
  const other = { ...FILE, name: "curves" };
  const sections = [
    section("a", "A", { blocks: [{ ...tableOf(1), file: FILE }, tableOf(1)] }),
    section("b", "B", { files: [other] }),
  ];
  assert.deepEqual(filesOf(sections), [FILE, other]);
  const page = renderPage(HEAD, sections);
  const links = [...page.matchAll(/download="([^"]+)" href="data:([^;]+);base64,([^"]+)"/g)];
  assert.deepEqual(links.map(([, name]) => name), [
    "rates.csv",
    "rates.arrow",
    "curves.csv",
    "curves.arrow",
  ]);
  const [csv, arrow] = links.map(([, , , bytes]) => Uint8Array.fromBase64(bytes));
  assert.equal(new TextDecoder().decode(csv), FILE.csv);
  assert.deepEqual(arrow, FILE.arrow);
  assert.match(page, /every table as CSV and Arrow/);
});

Deno.test("a large table is referred to, and not embedded in the page", () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => ({ ...ROWS[0], loss: i / 7 }));
  const file = tableFile("long", ports.evaluation, rows);
  const sections = [section("a", "A", { files: [file] })];
  const page = renderPage(HEAD, sections);
  assert.ok(page.length < 20_000);
  assert.match(page, /<code>tables\/long\.csv<\/code> and <code>\.arrow<\/code> next to/);
  assert.deepEqual(filesOf(sections), [file]);
});

Deno.test("cells are escaped, and can be bold, have a note, or hold prose", () => {
  const table = shownTable("Cells.", [1], {
    name: () => "<i>",
    "#bold": () => ({ text: "1", strong: true, note: "a < b" }),
    "~prose": () => "one\ntwo",
  });
  const page = renderPage(HEAD, [section("a", "A", { blocks: [table] })]);
  assert.match(page, /<th scope="row" class="text">&lt;i&gt;<\/th>/);
  assert.match(page, /<td class="number"><strong>1<\/strong><span class="note">a &lt; b<\/span>/);
  assert.match(page, /<td class="text prose">one\ntwo<\/td>/);
  assert.match(page, /<title>A &lt;study&gt;<\/title>/);
});

Deno.test("what was not measured is an empty cell in CSV and null in Arrow; NaN is refused", () => {
  const [, row] = FILE.csv.trim().split("\n");
  assert.equal(row, "a,b,2.5,,9");
  assert.equal(tableFromIPC(FILE.arrow).get(0)!.bits_per_byte, null);
  for (const name of ["loss", "bits_per_byte"]) {
    const broken = [{ ...ROWS[0], [name]: NaN }];
    assert.throws(() => tableFile("a", ports.evaluation, broken), /"\w+" has NaN in row 0; /);
  }
});

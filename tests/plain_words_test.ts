/** Keeps turns of phrase out of code and docs that an English-speaking engineer would stumble over. */
import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);
const FOLDERS = ["core", "stages", "plugins", "datasets", "recipes", "bench", "tests", "docs"];
const FILES = ["README.md", "CONTRIBUTING.md", ".ci/run", "deno.json"];
/** Their texts are data, generated, or a record of what was said at the time. */
const SKIPPED =
  /\/(fixtures|node_modules|vendor)\/|plain_words_test\.ts|LOG\.md|recipe\.schema\.json|\.(png|svg)$/;
const TEXT = /\.(ts|js|md|py|json|html|css)$|\.ci\/run$/;

/** What is not to be read anywhere, and what to say instead. */
const INSTEAD: [pattern: RegExp, instead: string][] = [
  [
    /(?<!there )\b(is|are) no (number|size|name|file|place|step|port|power|json|zip|model|folder|list|text|tensor|longer valid)\b/i,
    "must be …, is not a …",
  ],
  [/\bthe mend\b|\bmends? (it|this|that)\b/i, "the fix"],
  [/\bgo(es|ing)? on (with|from|along|to (train|the end))\b|\bgo(es)? on\b(?=[.,;])/i, "continue"],
  [/\btells? of\b/i, "report, list, show"],
  [/\banew\b/i, "again"],
  [/\bforetells?\b|\bforetold\b/i, "predict, estimate"],
  [/\bin vain\b|\bfor want of\b|\bwhoever\b/i, "something shorter"],
  [/\bholds? no\b|\bholding no\b/i, "has no"],
  [/\bwhat is to be had\b|\bis to be had\b/i, "available"],
  [/\bmade such as\b/i, "made like"],
  [/\bended by its length\b/i, "truncated"],
  [/\btakes? (a GPU|a device|device|the CPU|oneDNN) (with|that|")/i, "needs, requires"],
  [/\b(is|are) (not )?sound\b/i, "is valid, is intact"],
  [/\bnone of (anyone|anybody)'s\b/i, "not …"],
  [/\bwho(ever)? wants\b/i, "to …"],
];

async function texts(path: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(new URL(`${path}/`, ROOT))) {
    const below = `${path}/${entry.name}`;
    if (SKIPPED.test(`${below}${entry.isDirectory ? "/" : ""}`)) continue;
    if (entry.isDirectory) found.push(...await texts(below));
    else if (TEXT.test(below)) found.push(below);
  }
  return found;
}

Deno.test("code and docs are in plain English", async () => {
  const paths = [...FILES, ...(await Promise.all(FOLDERS.map(texts))).flat()];
  assert.ok(paths.length > 500);
  const odd: string[] = [];
  for (const path of paths) {
    const lines = (await Deno.readTextFile(new URL(path, ROOT))).split("\n");
    for (const [i, line] of lines.entries()) {
      for (const [pattern, instead] of INSTEAD) {
        const match = pattern.exec(line);
        if (match) odd.push(`${path}:${i + 1}: "${match[0]}"; say ${instead}`);
      }
    }
  }
  assert.deepEqual(odd, []);
});

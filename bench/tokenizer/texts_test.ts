import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { oddTexts, readPackedTexts, readTexts, writeTexts } from "./texts.ts";

Deno.test("every string of JSON Lines is a text, plain files are cut at line ends, binary files are skipped", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const rows = '{"id":1,"text":"Größe","parts":[{"value":"two"}]}\n{"text":"three"}\n';
    await Deno.writeFile(`${folder}/a.jsonl.gz`, gzipSync(rows));
    await Deno.mkdir(`${folder}/b`);
    const line = "line \ud83d\ude42\n";
    await Deno.writeTextFile(`${folder}/b/long.txt`, line.repeat(2000));
    await Deno.writeFile(`${folder}/b/binary`, Uint8Array.of(0xff, 0xfe));
    const texts = await readTexts([`${folder}/a.jsonl.gz`, `${folder}/b`], 1e6);
    assert.deepEqual(texts.slice(0, 3), ["Größe", "two", "three"]);
    assert.equal(texts.slice(3).join(""), line.repeat(2000));
    assert.ok(texts.length > 4 && texts.slice(3).every((text) => text.endsWith("\n")));
    assert.deepEqual(await readTexts([`${folder}/a.jsonl.gz`], 10), ["Größe", "two"]);
    await assert.rejects(readTexts([`${folder}/b/binary`], 10), /no texts found/);
    writeTexts(`${folder}/packed`, ["\ufeffbom", "", "日本"]);
    assert.deepEqual(readPackedTexts(`${folder}/packed`), ["\ufeffbom", "", "日本"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("synthetic texts are equal for equal seeds, and contain every code point", () => {
  const texts = oddTexts(1, 1e5);
  assert.deepEqual(texts, oddTexts(1, 1e5));
  assert.notDeepEqual(texts, oddTexts(2, 1e5));
  const points = new Set<number>();
  for (const text of texts.slice(0, 17 * 32)) for (const c of text) points.add(c.codePointAt(0)!);
  assert.equal(points.size, 0x11_0000 - 0x800);
});

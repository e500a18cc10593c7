import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { Table, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { compileTemplate } from "./template.ts";
import { listDataFiles } from "./list_files.ts";
import { readRecords } from "./records.ts";
import { all, readWhole, withFiles } from "./testdata/testing.ts";

const TREE = {
  "data/b.jsonl": "",
  "data/a.jsonl.gz": gzipSync(""),
  "data/deep/er/c.parquet": "",
  "data/deep/notes.md": "",
  "data/deep/code.py": "",
  "data/.hidden.jsonl": "",
  "data/.git/x.jsonl": "",
  "data/saved/state.json": "{}",
  "data/saved/data-00000-of-00001.arrow": "",
  "outside/secret.jsonl": "",
};

/** Lists below a folder, which is cut off the names. */
const list = (folder: string, ...args: Parameters<typeof listDataFiles>) =>
  listDataFiles(`${folder}/${args[0]}`, args[1]).map((path) => path.slice(folder.length + 1));

Deno.test("a folder means its readable files, without hidden ones; a saved dataset is one file", async () => {
  await withFiles(TREE, (folder) => {
    assert.deepEqual(list(folder, "data"), [
      "data/a.jsonl.gz",
      "data/b.jsonl",
      "data/deep/er/c.parquet",
      "data/deep/notes.md",
      "data/saved",
    ]);
    assert.deepEqual(list(folder, "data", "jsonl"), ["data/a.jsonl.gz", "data/b.jsonl"]);
    assert.deepEqual(list(folder, "data/deep", "text"), [
      "data/deep/code.py",
      "data/deep/er/c.parquet",
      "data/deep/notes.md",
    ]);
    assert.deepEqual(list(folder, "data/saved"), ["data/saved"]);
    assert.deepEqual(list(folder, "data", "hf_dataset"), ["data/saved"]);
    assert.deepEqual(list(folder, "data/.hidden.jsonl"), ["data/.hidden.jsonl"]);
    assert.throws(
      () =>
        listDataFiles(`${folder}/data/deep/er`, "text") &&
        listDataFiles(`${folder}/data/.git/..`, "zip"),
      /has no readable file; expected format zip/,
    );
  });
});

Deno.test("globs: within a name, across folders, one letter, alternatives", async () => {
  await withFiles(TREE, (folder) => {
    assert.deepEqual(list(folder, "data/*.jsonl"), ["data/b.jsonl"]);
    assert.deepEqual(list(folder, "data/**/*.{md,py}"), [
      "data/deep/code.py",
      "data/deep/notes.md",
    ]);
    assert.deepEqual(list(folder, "data/**/?.{jsonl{,.gz},parquet}"), [
      "data/a.jsonl.gz",
      "data/b.jsonl",
      "data/deep/er/c.parquet",
    ]);
    assert.deepEqual(list(folder, "*/b.jsonl"), ["data/b.jsonl"]);
    assert.deepEqual(list(folder, "{data,outside}/{b,secret}.jsonl"), [
      "data/b.jsonl",
      "outside/secret.jsonl",
    ]);
    assert.throws(() => list(folder, "data/*.zip"), /no file matches .*\*\.zip; check the path in/);
    assert.throws(() => list(folder, "nowhere/*.zip"), /no file matches/);
    assert.throws(() => list(folder, "data/c.jsonl"), /c\.jsonl does not exist; check the path in/);
  });
});

Deno.test("links are followed, to files and folders; loops end, and a broken link is named", async () => {
  await withFiles(TREE, async (folder) => {
    await Deno.symlink(`${folder}/outside/secret.jsonl`, `${folder}/data/linked.jsonl`);
    await Deno.symlink(`${folder}/outside`, `${folder}/data/elsewhere`);
    await Deno.symlink(`${folder}/data`, `${folder}/data/deep/loop`);
    await Deno.symlink("self.jsonl", `${folder}/data/self.jsonl`);
    const found = [
      "data/b.jsonl",
      "data/elsewhere/secret.jsonl",
      "data/linked.jsonl",
      "data/self.jsonl",
    ];
    assert.deepEqual(list(folder, "data/**/*.jsonl"), found);
    assert.deepEqual(list(folder, "data/linked.jsonl"), ["data/linked.jsonl"]);
    assert.deepEqual(list(folder, "data", "parquet"), ["data/deep/er/c.parquet"]);
    await Deno.remove(`${folder}/data/self.jsonl`);
    await Deno.symlink(`${folder}/nowhere`, `${folder}/data/broken.jsonl`);
    await assert.rejects(
      all(readRecords(`${folder}/data/*.jsonl`)),
      /broken\.jsonl is a link to a file that does not exist; download the file again/,
    );
  });
});

Deno.test("globs with many folders in a row are fast", async () => {
  await withFiles({ [`${"a/".repeat(60)}y.jsonl`]: "" }, (folder) => {
    const start = performance.now();
    assert.throws(() => listDataFiles(`${folder}/${"**/".repeat(8)}x.jsonl`), /no file matches/);
    assert.equal(listDataFiles(`${folder}/${"**/".repeat(8)}y.jsonl`).length, 1);
    assert.ok(performance.now() - start < 2000);
  });
});

Deno.test("text: one record per file, compressed or not; bad files are named and can be skipped", async () => {
  const files = {
    "a.txt": "\ufeffOne\r\nü",
    "b.md.gz": gzipSync("two"),
    "c.rst": Uint8Array.of(0xff),
    "d.txt": "too long a text",
    "e.py": "print()",
  };
  await withFiles(files, async (folder) => {
    const limits = { max_record_bytes: 10 };
    const notes: string[] = [];
    const onNote = (message: string) => notes.push(message.replace(folder, ""));
    const { records, skipped } = await readWhole(folder, { limits, onNote });
    assert.deepEqual(records.slice(0, 2), [
      { file: `${folder}/a.txt`, row: 1, value: { path: `${folder}/a.txt`, text: "One\r\nü" } },
      { file: `${folder}/b.md.gz`, row: 1, value: { path: `${folder}/b.md.gz`, text: "two" } },
    ]);
    assert.deepEqual(
      records.slice(2).map(({ row, value }) => [row, value.text]),
      [[1, "too long "], [2, "a text"]],
    );
    assert.deepEqual(skipped, [
      "FILE/c.rst is not UTF-8 text; convert it, e.g. with iconv -f WINDOWS-1252 -t UTF-8",
    ]);
    assert.deepEqual(notes, [
      '/d.txt: texts longer than limits.max_record_bytes (10) are cut into 2 records at paragraphs; set "separator" to cut elsewhere',
    ]);
    await assert.rejects(all(readRecords(folder)), /c\.rst is not UTF-8 text/);
    await assert.rejects(
      all(readRecords(`${folder}/e.py`)),
      /e\.py: unknown file type "\.py"; set "format" or use/,
    );
    const [source] = await all(readRecords(`${folder}/*.py`, { format: "text" }));
    assert.equal(source.value.text, "print()");
  });
});

Deno.test("text: cut at a separator, wherever the file is read in pieces", async () => {
  const end = "<|end|>";
  const texts = ["one", "two\n\n", "<|en", "drei ü".repeat(300_000), "", "\r\n", "last"];
  const files = {
    "a.txt": "\ufeff" + texts.join(end) + end,
    "b.txt": "one\r\ntwo\r\n\r\nthree\n\nfour\n\n\n",
  };
  await withFiles(files, async (folder) => {
    const read = async (name: string, separator: string) => {
      const records = await all(readRecords(`${folder}/${name}`, { separator }));
      assert.deepEqual(records.map(({ row }) => row), records.map((_, i) => i + 1));
      return records.map(({ value }) => value.text);
    };
    assert.deepEqual(await read("a.txt", end), texts.filter((text) => text.trim() !== ""));
    assert.deepEqual(await read("b.txt", "\n\n"), ["one\r\ntwo", "three", "four"]);
  });
});

Deno.test("text: a file longer than a record is read whole, in pieces that end with paragraphs", async () => {
  const paragraph = (i: number) => `Paragraph ${i} of ü.\n${"x".repeat(i % 700)}\n\n`;
  const text = Array.from({ length: 9000 }, (_, i) => paragraph(i)).join("");
  await withFiles({ "a.txt": text }, async (folder) => {
    const limits = { max_record_bytes: 1 << 20 };
    const { records } = await readWhole(`${folder}/a.txt`, { limits });
    assert.equal(records.map(({ value }) => value.text).join(""), text);
    const sizes = records.map(({ value }) => new TextEncoder().encode(value.text as string).length);
    assert.ok(records.length > 10 && sizes.every((size) => size <= 1 << 18), sizes.join());
    assert.ok(records.every(({ value }) => (value.text as string).endsWith("\n\n")));
  });
});

Deno.test("fields may have any name, also those that every object has", () => {
  const names = ["__proto__", "constructor", "toString"];
  const vectors = names.map((name, i) => [name, vectorFromArray(["abc"[i]], new Utf8())]);
  return withFiles({
    "a.arrow": tableToIPC(new Table(Object.fromEntries(vectors)), "file"),
    "a.jsonl": '{"__proto__":"a","constructor":"b","toString":"c"}\n',
    "a.csv": "__proto__,constructor,toString\na,b,c\n",
  }, async (folder) => {
    for (const name of ["a.arrow", "a.jsonl", "a.csv"]) {
      for (const columns of [undefined, names]) {
        const [{ value }] = await all(readRecords(`${folder}/${name}`, { columns }));
        assert.deepEqual(Object.entries(value), [
          ["__proto__", "a"],
          ["constructor", "b"],
          ["toString", "c"],
        ]);
        const text = compileTemplate("{__proto__}{constructor}{toString}{valueOf?}");
        assert.equal(text(value, ""), "abc");
      }
    }
  });
});

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { Table, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { BlobWriter, TextReader, ZipWriter } from "@zip.js/zip.js";
import type { Document } from "./card.ts";
import { recordCard, type RecordCardOptions } from "./record_card.ts";
import { findSplitFiles } from "./record_files.ts";
import { readRecords } from "./records.ts";
import type { Columns } from "./template.ts";

/** A folder with files of the given contents. */
async function inFolder(
  files: Record<string, string | Uint8Array>,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      await Deno.mkdir(dirname(`${folder}/${name}`), { recursive: true });
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const lines = (...records: unknown[]) => records.map((row) => JSON.stringify(row) + "\n").join("");

function read(
  options: Omit<RecordCardOptions, "name" | "text"> & { text?: RecordCardOptions["text"] },
  log?: (message: string) => void,
): Promise<Document[]> {
  return Array.fromAsync(recordCard({ name: "mine", text: "text", ...options }).documents({ log }));
}

Deno.test("a prompt is masked, or has loss too, and blank texts are skipped", async () => {
  const records = lines(
    { q: "Why?", a: "Because." },
    { q: "How?", a: " " },
    { q: "Who?", a: "\u3000\u200b\ufeff" },
  );
  await inFolder({ "a.jsonl": records }, async (folder) => {
    const options = { path: `${folder}/a.jsonl`, prompt: "Q: {q}\nA: ", text: "a" };
    const text = "Q: Why?\nA: Because.";
    assert.deepEqual(await read(options), [{ id: "a.jsonl:1", text, prompt_length_chars: 11 }]);
    assert.deepEqual(await read({ ...options, mask_prompt: false }), [{ id: "a.jsonl:1", text }]);
    const [first] = await read({
      ...options,
      text: (record) => `${record.a}!`,
      reader_version: 1,
      group: "q",
    });
    assert.equal(first.text, "Q: Why?\nA: Because.!");
    assert.equal(first.group, "Why?");
  });
});

Deno.test("files, globs, folders and paths by split; names are unique and relative to the common folder", async () => {
  const files = {
    "x/train/0.jsonl": lines({ text: "a" }),
    "x/train/1.jsonl.gz": new Uint8Array(gzipSync(lines({ text: "b" }, { text: "c" }))),
    "x/test/0.jsonl": lines({ text: "d" }),
  };
  await inFolder(files, async (folder) => {
    const all = await read({ path: `${folder}/x` });
    assert.deepEqual(all.map(({ id, text, split }) => [id, text, split]), [
      ["train/0.jsonl:1", "a", "train"],
      ["train/1.jsonl.gz:1", "b", "train"],
      ["train/1.jsonl.gz:2", "c", "train"],
      ["test/0.jsonl:1", "d", "validation"],
    ]);
    const glob = await read({ path: `${folder}/x/train/*.gz`, split: "validation" });
    assert.deepEqual(glob, [
      { id: "1.jsonl.gz:1", text: "b", split: "validation" },
      { id: "1.jsonl.gz:2", text: "c", split: "validation" },
    ]);
    const first = await read({
      path: { train: `${folder}/x/train`, validation: `${folder}/x/**/*.jsonl` },
      max_files: 1,
    });
    assert.deepEqual(first.map(({ text, split }) => `${text} ${split}`), [
      "a train",
      "d validation",
      "a validation",
    ]);
    const path = { train: [`${folder}/x/train`], validation: `${folder}/x/test/0.jsonl` };
    const parts = await read({ path });
    assert.deepEqual(parts.map(({ text, split }) => `${text} ${split}`), [
      "a train",
      "b train",
      "c train",
      "d validation",
    ]);
    assert.equal(new Set(parts.map(({ id }) => id)).size, 4);
  });
});

Deno.test("a file that several paths name is read once; one in both splits is named", async () => {
  await inFolder(
    { "a.jsonl": lines({ text: "a" }), "b.jsonl": lines({ text: "b" }) },
    async (folder) => {
      const logs: string[] = [];
      const log = (line: string) => void logs.push(line);
      const texts = async (path: RecordCardOptions["path"]) =>
        (await read({ path }, log)).map(({ text }) => text).join("");
      assert.equal(await texts([`${folder}/a.jsonl`, `${folder}/*.jsonl`]), "ab");
      assert.match(logs[0], /: 2 documents; 1 file matched by several paths, read once$/);
      const path = { train: `${folder}/*.jsonl`, validation: `${folder}/b.jsonl` };
      assert.equal(await texts(path), "abb");
      assert.match(logs[1], /; both in train and in validation: .*b\.jsonl$/);
    },
  );
});

Deno.test("records are selected by a column's values or by a function", async () => {
  const records = lines({ text: "a", kind: 1 }, { text: "b", kind: "x" }, {
    text: "c",
    kind: true,
  });
  await inFolder({ "a.jsonl": records }, async (folder) => {
    const path = `${folder}/a.jsonl`;
    const texts = async (where: RecordCardOptions["where"]) =>
      (await read({ path, where, reader_version: 1 })).map(({ text }) => text).join("");
    assert.equal(await texts({ column: "kind", in: [1, true] }), "ac");
    assert.equal(await texts(({ text }) => text !== "a"), "bc");
    await assert.rejects(texts({ column: "sort", in: [1] }), /a\.jsonl:1: no column "sort"/);
    await assert.rejects(texts(() => false), /dataset "mine" has no documents/);
  });
});

Deno.test("broken records fail, or are skipped, counted and reported", async () => {
  const content = lines({ text: "a" }) + "{broken\n" + lines({ txt: "no text" }, { text: "b" });
  await inFolder({ "a.jsonl": content }, async (folder) => {
    const path = `${folder}/a.jsonl`;
    await assert.rejects(read({ path }), /a\.jsonl:2: not valid JSON/);
    const messages: string[] = [];
    const documents = await read({ path, on_error: "skip" }, (message) => messages.push(message));
    assert.deepEqual(documents.map(({ id }) => id), ["a.jsonl:1", "a.jsonl:4"]);
    assert.equal(messages.length, 2);
    assert.match(
      messages[1],
      /^dataset "mine": read 1 file with 4 rows: 2 documents; left out 2 unread/,
    );
    assert.match(
      messages[0],
      /dataset "mine": skipped 2 records, the first: .*a\.jsonl:2: not valid JSON/,
    );
  });
});

Deno.test("turns of a conversation that the template leaves out are counted", async () => {
  const turns = (...messages: string[]) => ({ messages });
  await inFolder({ "a.jsonl": lines(turns("a", "b"), turns("c", "d", "e")) }, async (folder) => {
    const messages: string[] = [];
    const text = "{messages[0]} {messages[1]}";
    const options = { path: `${folder}/a.jsonl`, text };
    const documents = await read(options, (message) => messages.push(message));
    assert.deepEqual(documents.map(({ text }) => text), ["a b", "c d"]);
    assert.match(messages[0], /2 documents; 1 row with more elements in "messages" than/);
  });
});

Deno.test("a sample of training documents is chosen by ids; validation is complete", async () => {
  const numbers = (count: number) =>
    lines(...Array.from({ length: count }, (_, i) => ({ text: i })));
  await inFolder({ "train.jsonl": numbers(200), "test.jsonl": numbers(7) }, async (folder) => {
    const path = { train: `${folder}/train.jsonl`, validation: `${folder}/test.jsonl` };
    const chosen = async (examples: number) =>
      (await read({ path, examples })).filter(({ split }) => split === "train");
    const ten = await chosen(10);
    const rows = ten.map(({ text }) => Number(text));
    assert.equal(ten.length, 10);
    assert.deepEqual(rows, rows.toSorted((a, b) => a - b));
    assert.ok(rows[0] < 100 && rows[9] >= 100, `rows ${rows}`);
    const twenty = new Set((await chosen(20)).map(({ id }) => id));
    assert.ok(ten.every(({ id }) => twenty.has(id)), "a smaller sample is part of a larger one");
    assert.equal((await chosen(1000)).length, 200);
    assert.equal((await read({ path, examples: 10 })).length, 17);
  });
});

Deno.test("an abort stops reading with its reason", async () => {
  await inFolder({ "a.jsonl": lines({ text: "a" }, { text: "b" }) }, async (folder) => {
    const card = recordCard({ name: "mine", path: `${folder}/a.jsonl`, text: "text" });
    const signal = AbortSignal.abort(new Error("stop now"));
    await assert.rejects(Array.fromAsync(card.documents({ signal })), /stop now/);
  });
});

Deno.test("the revision depends on content and reading, not on location", async () => {
  const files = { "a/train.jsonl": lines({ text: "a" }), "a/test.jsonl": lines({ text: "b" }) };
  const revision = (folder: string, options: Partial<RecordCardOptions> = {}) =>
    recordCard({ name: "mine", path: `${folder}/a/*.jsonl`, text: "text", ...options }).revision();
  await inFolder(files, async (here) => {
    const first = revision(here) as string;
    assert.match(first, /^sha256:[0-9a-f]{64}$/);
    await inFolder(files, (there) => {
      assert.equal(revision(there), first);
      assert.equal(revision(there, { path: `${there}/a` }), first);
      return Promise.resolve();
    });
    const others = [
      revision(here, { path: `${here}/a/train.jsonl` }),
      revision(here, { text: "{text}" }),
      revision(here, { text: (record) => `${record.text}`, reader_version: 1 }),
      revision(here, { text: (record) => `${record.text}!`, reader_version: 2 }),
      revision(here, { prompt: "" }),
      revision(here, { split: "train" }),
      revision(here, { on_error: "skip" }),
      revision(here, { where: { column: "text", in: ["a"] } }),
    ];
    // The text of a function is the compiler's: the version says what it does.
    const text = ({ text }: Columns) => `${text}`;
    assert.equal(revision(here, { text, reader_version: 1 }), others[2]);
    assert.throws(
      () => revision(here, { text }),
      /"mine" is read by functions.*set reader_version/,
    );
    assert.equal(new Set([first, ...others]).size, others.length + 1);
    await Deno.writeTextFile(`${here}/a/test.jsonl`, lines({ text: "c" }));
    assert.notEqual(revision(here), first);
    await Deno.writeTextFile(`${here}/a/test.jsonl`, lines({ text: "b" }));
    assert.equal(revision(here), first);
    await Deno.rename(`${here}/a/test.jsonl`, `${here}/a/valid.jsonl`);
    assert.notEqual(revision(here), first);
  });
  assert.throws(() => revision("no_such_folder"), /no_such_folder/);
});

Deno.test("a saved Hugging Face dataset is read with its splits, and its revision ignores caches", async () => {
  const saved = fileURLToPath(new URL("../../tests/fixtures/readers/saved", import.meta.url));
  const golden = (split: string) => Array.fromAsync(readRecords(`${saved}/${split}`));
  const [train, test] = [await golden("train"), await golden("test")];
  const column = Object.keys(train[0].value).find((name) =>
    typeof train[0].value[name] === "string"
  )!;
  const text = ({ [column]: value }: Columns) => `text ${value}`;
  const reader_version = 1;
  const documents = await read({ path: saved, text, reader_version });
  const count = (split: string) => documents.filter((document) => document.split === split).length;
  assert.deepEqual([count("train"), count("validation")], [train.length, test.length]);
  assert.equal(documents[0].id, "train/data-00000-of-00002.arrow:1");
  const logs: string[] = [];
  await read({ path: saved, text, reader_version }, (line) => logs.push(line));
  assert.match(logs[0], /^dataset "mine": read 3 files with /);
  assert.equal((await read({ path: { train: saved }, text, reader_version })).length, train.length);
  assert.equal(
    (await read({ path: `${saved}/test`, text, reader_version, split: "train" })).length,
    test.length,
  );

  const content: Record<string, Uint8Array> = {};
  for (const split of ["train", "test"]) {
    for (const { name } of Deno.readDirSync(`${saved}/${split}`)) {
      content[`saved/${split}/${name}`] = Deno.readFileSync(`${saved}/${split}/${name}`);
    }
  }
  content["saved/dataset_dict.json"] = Deno.readFileSync(`${saved}/dataset_dict.json`);
  const revision = (path: string) => recordCard({ name: "mine", path, text: column }).revision();
  await inFolder(content, async (folder) => {
    assert.equal(revision(`${folder}/saved`), revision(saved));
    await Deno.writeTextFile(`${folder}/saved/train/cache-0123.arrow`, "left by a map");
    assert.equal(revision(`${folder}/saved`), revision(saved));
    const state = `${folder}/saved/train/state.json`;
    await Deno.writeTextFile(state, `${await Deno.readTextFile(state)}\n`);
    assert.notEqual(revision(`${folder}/saved`), revision(saved));
    await Deno.writeTextFile(state, "{}");
    assert.throws(() => revision(`${folder}/saved`), /state\.json: _data_files is missing/);
  });
});

Deno.test("the revision of a saved dataset covers links among its files", async () => {
  const state = JSON.stringify({ _data_files: [{ filename: "cache-1.arrow" }] });
  const table = (word: string) =>
    tableToIPC(new Table({ text: vectorFromArray([word], new Utf8()) }), "stream");
  const files = { "blobs/state": state, "blobs/data": table("first"), "blobs/info": "{}" };
  await inFolder(files, async (folder) => {
    const path = `${folder}/set`;
    await Deno.mkdir(path);
    const links = { state: "state.json", data: "cache-1.arrow", info: "dataset_info.json" };
    for (const [blob, name] of Object.entries(links)) {
      await Deno.symlink(`../blobs/${blob}`, `${path}/${name}`);
    }
    const revision = () => recordCard({ name: "mine", path, text: "text" }).revision();
    assert.deepEqual((await read({ path })).map(({ text }) => text), ["first"]);
    const revisions = [revision()];
    await Deno.writeFile(`${folder}/blobs/data`, table("other"));
    revisions.push(revision());
    await Deno.writeTextFile(`${folder}/blobs/info`, '{"a":1}');
    revisions.push(revision());
    await Deno.writeTextFile(`${path}/notes.txt`, "not of the data");
    assert.equal(revision(), revisions[2]);
    assert.equal(new Set(revisions).size, 3);
  });
});

Deno.test("names do not depend on the machine, in text files and with mixed paths", async () => {
  const files = { "x/a.txt": "A", "x/deep/b.txt": "B", "w/c.jsonl": lines({ text: "C" }) };
  const options = { text: "// {path}\n{text}", group: "path" };
  const here = Deno.cwd();
  const found: unknown[] = [];
  for (const nested of ["", "nested/deeper/"]) {
    const placed = Object.entries(files).map(([name, text]) => [nested + name, text]);
    await inFolder(Object.fromEntries(placed), async (folder) => {
      const top = `${folder}/${nested}`;
      const texts = await read({ ...options, path: `${top}x` });
      try {
        Deno.chdir(`${top}w`);
        const mixed = await read({ path: ["c.jsonl", `${top}x/a.txt`] });
        found.push([texts, mixed.map(({ id }) => id)]);
      } finally {
        Deno.chdir(here);
      }
    });
  }
  const text = (name: string, body: string) => ({
    id: `${name}:1`,
    text: `// ${name}\n${body}`,
    group: name,
  });
  const expected = [[text("a.txt", "A"), text("deep/b.txt", "B")], ["w/c.jsonl:1", "x/a.txt:1"]];
  assert.deepEqual(found, [expected, expected]);
});

Deno.test("records inside an archive have unique ids", async () => {
  const zip = new ZipWriter(new BlobWriter());
  await zip.add("a.jsonl", new TextReader(lines({ text: "a" }, { text: "b" })));
  await zip.add("b.jsonl", new TextReader(lines({ text: "c" })));
  const archive = new Uint8Array(await (await zip.close()).arrayBuffer());
  await inFolder({ "x.zip": archive }, async (folder) => {
    const documents = await read({ path: `${folder}/x.zip` });
    assert.deepEqual(documents.map(({ id, text }) => `${id} ${text}`), [
      "x.zip/a.jsonl:1 a",
      "x.zip/a.jsonl:2 b",
      "x.zip/b.jsonl:1 c",
    ]);
  });
});

Deno.test("hub paths and local paths cannot be mixed, and a path is required", () => {
  const path = ["hf://a/b/c.jsonl", "d.jsonl"];
  assert.throws(() => recordCard({ name: "mine", path, text: "text" }), /"mine" mixes files/);
  assert.throws(() => recordCard({ name: "mine", path: {}, text: "text" }), /has no path/);
});

Deno.test("files in a folder are assigned to splits; test files are held out if nothing else is", async () => {
  const empty = lines({ text: "a" });
  const names = ["train-00000-of-00002.jsonl", "train-00001-of-00002.jsonl", "test.jsonl.gz"];
  const rest = ["README.md", "training_notes.txt", "train.sha256", ".train.jsonl"];
  const files = Object.fromEntries([...names, ...rest].map((name) => [name, empty]));
  await inFolder(files, async (folder) => {
    const found = findSplitFiles(folder)!;
    assert.deepEqual(found.train, names.slice(0, 2).map((name) => `${folder}/${name}`));
    assert.deepEqual(found.validation, [`${folder}/test.jsonl.gz`]);
    await Deno.writeTextFile(`${folder}/validation.jsonl`, empty);
    assert.deepEqual(findSplitFiles(folder)!.validation, [`${folder}/validation.jsonl`]);
    assert.equal(findSplitFiles(`${folder}/none`), undefined);
    assert.equal(findSplitFiles(`${folder}/README.md`), undefined);
  });
});

Deno.test("folders named after a split count as their files, linked ones too; text beside them is not data", async () => {
  const files = {
    "real/train/a.jsonl": lines({ text: "a" }),
    "real/train/b.jsonl": lines({ text: "b" }),
    "real/train/README.md": "about a and b",
    "root/train_README.md": "about all",
    "texts/train.txt": "a",
    "texts/train/b.py": "b",
  };
  await inFolder(files, async (folder) => {
    await Deno.symlink("../real/train", `${folder}/root/train`);
    await Deno.symlink("../real/train/a.jsonl", `${folder}/root/test.jsonl`);
    const { train, validation } = findSplitFiles(`${folder}/root`)!;
    assert.deepEqual(train, ["a", "b"].map((name) => `${folder}/root/train/${name}.jsonl`));
    assert.deepEqual(validation, [`${folder}/root/test.jsonl`]);
    assert.deepEqual(findSplitFiles(`${folder}/texts`, "text")!.train, [
      `${folder}/texts/train/b.py`,
      `${folder}/texts/train.txt`,
    ]);
  });
});

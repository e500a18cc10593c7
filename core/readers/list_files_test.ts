import assert from "node:assert/strict";
import { recordCard } from "./record_card.ts";
import { readRecords } from "./records.ts";
import { all, withFiles } from "./testdata/testing.ts";

Deno.test("folders in the cache of Hugging Face: the snapshot is read, once", async () => {
  const files = {
    "datasets--a--b/refs/main": "c2",
    "datasets--a--b/blobs/0a": '{"text":"new"}\n',
    "datasets--a--b/snapshots/c1/train.jsonl": '{"text":"old"}\n',
    "datasets--a--b/snapshots/c2/.keep": "",
  };
  await withFiles(files, async (folder) => {
    const repository = `${folder}/datasets--a--b`;
    await Deno.symlink("../../blobs/0a", `${repository}/snapshots/c2/train.jsonl`);
    const texts = async (path: string) =>
      (await Array.fromAsync(recordCard({ name: "mine", path, text: "text" }).documents()))
        .map(({ id, text }) => `${id} ${text}`);
    assert.deepEqual(await texts(repository), ["train.jsonl:1 new"]);
    assert.deepEqual(await texts(`${repository}/snapshots/c1`), ["train.jsonl:1 old"]);
    await Deno.remove(`${repository}/refs/main`);
    await assert.rejects(texts(repository), /with 2 snapshots; use the path of one: .*c1, .*c2$/);
    await assert.rejects(texts(folder), /use the path of one of its repositories: datasets--a--b$/);
  });
});

Deno.test("a folder without data says what it has; archives that are not ZIP are refused", async () => {
  await withFiles({ "a.tar.gz": "x", "README.md": "about" }, async (folder) => {
    assert.throws(
      () => recordCard({ name: "mine", path: folder, text: "text" }).revision(),
      /no readable file; expected one of .*; it has README\.md \(with documentation\) and 1 more$/,
    );
    await assert.rejects(
      all(readRecords(`${folder}/a.tar.gz`)),
      /a\.tar\.gz: \.tar\.gz archives are not supported; unpack it, or make a ZIP/,
    );
  });
});

Deno.test("paths: braces in the names of folders; paths of other systems are named", async () => {
  await withFiles({ "a [1] {x}/d.jsonl": '{"text":"x"}\n' }, async (folder) => {
    assert.equal((await all(readRecords(`${folder}/a [1] {x}/*.jsonl`))).length, 1);
    assert.equal((await all(readRecords(`${folder}/a [1] {x}/{d,e}.jsonl`))).length, 1);
  });
  await assert.rejects(all(readRecords("~/x.jsonl")), /"~" is not expanded; write the whole path/);
  await assert.rejects(all(readRecords("C:\\x.jsonl")), {
    message: "file C:\\x.jsonl does not exist; it is a Windows path, and this is another system",
    name: "Error",
  });
});

Deno.test({
  name: "a file whose name is not UTF-8 is refused by name",
  // Other systems do not allow such names.
  ignore: Deno.build.os !== "linux",
  async fn() {
    await withFiles({ "a.jsonl": '{"text":"x"}\n' }, async (folder) => {
      // Deno's own functions cannot write such a name.
      const command = `printf '{"text":"y"}\\n' > "$0/$(printf 'caf\\351.jsonl')"`;
      const { success } = await new Deno.Command("sh", { args: ["-c", command, folder] }).output();
      assert.ok(success);
      await assert.rejects(
        all(readRecords(folder)),
        /^Error: the name of .*caf\ufffd\.jsonl is not UTF-8 .* rename it, e\.g\. with convmv$/,
      );
    });
  },
});

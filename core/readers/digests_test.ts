import assert from "node:assert/strict";
import { DigestCache } from "./digests.ts";
import { fileDigest } from "./digests.ts";
import { withFolder } from "../../tests/shared/commands.ts";

/** Two megabytes, enough to be worth keeping; written an hour ago. */
async function writeOld(path: string, fill: number): Promise<void> {
  await Deno.writeFile(path, new Uint8Array(2 << 20).fill(fill));
  await Deno.utime(path, new Date(0), new Date(1_700_000_000_000 + fill));
}

/** By when the system's own time of change, which cannot be set, is long past. */
const inAnHour = () => Date.now() + 3_600_000;

Deno.test("digests are kept for the next process, and computed again when a file has changed", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/data`;
    const cache = `${folder}/cache/digests.json`;
    await writeOld(file, 1);
    const digest = new DigestCache(cache, inAnHour).digest(file);
    assert.equal(digest, fileDigest(file));
    // A digest that no content has shows that it comes from the cache.
    const marked = Deno.readTextFileSync(cache).replace(digest, "f".repeat(64));
    Deno.writeTextFileSync(cache, marked);
    assert.equal(new DigestCache(cache, inAnHour).digest(file), "f".repeat(64));
    await writeOld(file, 2);
    assert.equal(new DigestCache(cache, inAnHour).digest(file), fileDigest(file));
    assert.deepEqual([...Deno.readDirSync(`${folder}/cache`)].map(({ name }) => name), [
      "digests.json",
    ]);
  });
});

Deno.test("what other processes added is kept", async () => {
  await withFolder(async (folder) => {
    const cache = `${folder}/digests.json`;
    await writeOld(`${folder}/a`, 1);
    await writeOld(`${folder}/b`, 2);
    const [one, two] = [new DigestCache(cache, inAnHour), new DigestCache(cache, inAnHour)];
    await writeOld(`${folder}/c`, 3);
    one.digest(`${folder}/a`);
    two.digest(`${folder}/c`);
    one.digest(`${folder}/b`);
    one.save();
    const { files } = JSON.parse(Deno.readTextFileSync(cache));
    assert.deepEqual(Object.keys(files).sort(), ["a", "b", "c"].map((name) => `${folder}/${name}`));
  });
});

Deno.test("a damaged cache is replaced, and one that cannot be written is ignored", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/data`;
    await writeOld(file, 1);
    const wrong = [
      "{",
      "[]",
      '{"format":1,"files":{}}',
      JSON.stringify({ format: 2, files: { [file]: { size: 2 << 20, sha256: "no digest" } } }),
    ];
    for (const content of wrong) {
      const cache = `${folder}/digests.json`;
      Deno.writeTextFileSync(cache, content);
      assert.equal(new DigestCache(cache, inAnHour).digest(file), fileDigest(file));
      assert.equal(JSON.parse(Deno.readTextFileSync(cache)).format, 2);
    }
    // A file stands where the cache's folder would be.
    assert.equal(new DigestCache(`${file}/digests.json`).digest(file), fileDigest(file));
    assert.equal(new DigestCache(null).digest(file), fileDigest(file));
  });
});

Deno.test("digests of a file that has just been written are not kept", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/data`;
    const cache = new DigestCache(null);
    const now = new Date();
    const digestOf = async (content: string) => {
      await Deno.writeTextFile(file, content);
      await Deno.utime(file, now, now);
      return cache.digest(file);
    };
    assert.notEqual(await digestOf("one"), await digestOf("two"));
  });
  assert.throws(() => new DigestCache(null).digest("no_such_file"), /no_such_file does not exist/);
});

Deno.test("a change that keeps size and modification time is noticed, in place or by another file", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/data`;
    const { mtime } = await writeOld(file, 1).then(() => Deno.stat(file));
    const rewrite = async (path: string, fill: number) => {
      await writeOld(path, fill);
      await Deno.utime(path, mtime!, mtime!);
    };
    const cache = new DigestCache(null);
    assert.equal(cache.digest(file), fileDigest(file));
    await rewrite(file, 2);
    assert.equal(cache.digest(file), fileDigest(file));
    const trusting = new DigestCache(null, inAnHour);
    assert.equal(trusting.digest(file), fileDigest(file));
    await rewrite(`${folder}/other`, 3);
    await Deno.rename(`${folder}/other`, file);
    assert.equal(trusting.digest(file), fileDigest(file));
  });
});

Deno.test("the cache is not written for each of many files, and drops deleted ones", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/digests.json`;
    const kept = () => Object.keys(JSON.parse(Deno.readTextFileSync(path)).files);
    const files = ["a", "b", "c"].map((name) => `${folder}/${name}`);
    for (const [at, file] of files.entries()) await writeOld(file, at);
    let now_ms = inAnHour();
    const cache = new DigestCache(path, () => now_ms);
    for (const file of files) cache.digest(file);
    assert.deepEqual(kept(), files.slice(0, 1));
    now_ms += 5000;
    await writeOld(`${folder}/d`, 4);
    cache.digest(`${folder}/d`);
    assert.deepEqual(kept(), [...files, `${folder}/d`]);
    await Deno.remove(files[1]);
    await writeOld(files[0], 9);
    cache.digest(files[0]);
    cache.save();
    assert.deepEqual(kept(), [files[0], files[2], `${folder}/d`]);
    await Deno.remove(path);
    cache.save();
    assert.throws(kept, Deno.errors.NotFound, "nothing is new");
  });
});

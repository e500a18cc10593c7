import assert from "node:assert/strict";
import { join } from "node:path";
import { listFolder, Store } from "./store.ts";
import { VerifiedFiles, type VerifiedFilesOptions } from "./verified_files.ts";

/** By when files that were written now have long been settled. */
const inAnHour = () => Date.now() + 3_600_000;

async function withStore(use: (store: Store) => Promise<void>) {
  const out = await Deno.makeTempDir();
  try {
    const store = new Store(join(out, "store"));
    store.open();
    await use(store);
    assert.deepEqual(listFolder(out), ["store", "verified.json"], "no other files are left");
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

/** An object that was verified and remembered. */
async function remembered(store: Store, text = "some content") {
  const { digest } = store.put(new TextEncoder().encode(text));
  const path = store.objectPath(digest);
  Deno.chmodSync(path, 0o644);
  assert.deepEqual(await look(store, path, digest, { now: inAnHour }), ["intact", true]);
  return { path, digest };
}

/** What a later run finds, and whether it read the file. */
async function look(
  store: Store,
  path: string,
  digest: string,
  options: VerifiedFilesOptions = {},
): Promise<[string, boolean]> {
  const files = new VerifiedFiles({ list: listPath(store), remember: true, ...options });
  const state = await files.countResult("key", () => files.check(path, digest));
  files.save();
  return [state, files.verification.hashed > 0];
}

/** Flips one bit, and puts the time of the last write back if asked to. */
function flip(path: string, { put_back = false } = {}) {
  const { atime, mtime } = Deno.statSync(path);
  const bytes = Deno.readFileSync(path);
  bytes[5] ^= 1;
  Deno.writeFileSync(path, bytes);
  if (put_back) Deno.utimeSync(path, atime!, mtime!);
}

const listPath = ({ root }: Store) => join(root, "..", "verified.json");

const listOf = (store: Store): Record<string, string> =>
  JSON.parse(Deno.readTextFileSync(listPath(store))).files;

Deno.test("a file that is unchanged since it was verified is not read again", () =>
  withStore(async (store) => {
    const { path, digest } = await remembered(store);
    assert.deepEqual(await look(store, path, digest), ["intact", false]);
    assert.deepEqual(await look(store, path, digest, { full: true }), ["intact", true]);
    assert.deepEqual(listFolder(join(store.root, "tmp")), []);
    // The same bytes in another file.
    store.put(Deno.readFileSync(path));
    assert.deepEqual(await look(store, path, digest), ["intact", true]);
    Deno.removeSync(path);
    assert.deepEqual(await look(store, path, digest), ["missing", false]);
  }));

Deno.test("a flipped bit is noticed by the time of the write", () =>
  withStore(async (store) => {
    const { path, digest } = await remembered(store);
    // Another time than that of the object, however fast this is.
    Deno.utimeSync(path, 0, 1_700_000_000);
    assert.deepEqual(await look(store, path, digest, { now: inAnHour }), ["intact", true]);
    assert.deepEqual(await look(store, path, digest), ["intact", false]);
    flip(path);
    assert.deepEqual(await look(store, path, digest), ["damaged", true]);
  }));

Deno.test({
  name: "a flipped bit is noticed when the time of the write was put back, by the time of change",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withStore(async (store) => {
      const { path, digest } = await remembered(store);
      // The time of change has whole seconds here, and real runs remember none of the last two.
      const changed = (path: string) => Deno.statSync(path).ctime!.getTime();
      const probe = join(store.root, "probe");
      do {
        await new Promise((resolve) => setTimeout(resolve, 20));
        Deno.writeTextFileSync(probe, "");
      } while (changed(probe) <= changed(path));
      flip(path, { put_back: true });
      assert.deepEqual(await look(store, path, digest), ["damaged", true]);
    }),
});

Deno.test("a bit that flips without changing any time is found by a full verification, for good", () =>
  withStore(async (store) => {
    const { path, digest } = await remembered(store);
    flip(path);
    // As if a disk had lost the bit: the file is as it was remembered.
    const { size, mtime, ctime, ino } = Deno.statSync(path);
    const state = `${digest} ${size} ${mtime!.getTime()} ${ctime?.getTime() ?? 0} ${ino}`;
    const [name] = Object.keys(listOf(store));
    const text = JSON.stringify({ format: 1, files: { [name]: state } });
    Deno.writeTextFileSync(listPath(store), text);
    assert.deepEqual(await look(store, path, digest), ["intact", false]);
    assert.deepEqual(await look(store, path, digest, { full: true }), ["damaged", true]);
    assert.deepEqual(listOf(store), {});
    assert.deepEqual(await look(store, path, digest), ["damaged", true]);
  }));

Deno.test("a file that was just written, or is written to meanwhile, is not remembered", () =>
  withStore(async (store) => {
    const { digest } = store.put(Uint8Array.of(1, 2, 3, 4, 5, 6));
    const path = store.objectPath(digest);
    Deno.chmodSync(path, 0o644);
    assert.deepEqual(await look(store, path, digest), ["intact", true]);
    flip(path, { put_back: true }); // within the same tick of the clock, no time shows it
    assert.deepEqual(await look(store, path, digest), ["damaged", true]);
    flip(path);
    // The clock is read between looking at the file and reading it.
    const touching = () => (Deno.utimeSync(path, 0, 1_600_000_000), inAnHour());
    assert.deepEqual(await look(store, path, digest, { now: touching }), ["intact", true]);
    assert.deepEqual(await look(store, path, digest), ["intact", true]);
  }));

Deno.test("processes keep what others remembered, and drop files that are gone", () =>
  withStore(async (store) => {
    const objects = ["one", "two", "three"].map((text) =>
      store.put(new TextEncoder().encode(text)).digest
    );
    const paths = objects.map((digest) => store.objectPath(digest));
    const options = { list: listPath(store), remember: true, now: inAnHour };
    const [a, b] = [1, 2].map(() => new VerifiedFiles(options));
    await a.check(paths[0], objects[0]);
    await b.check(paths[1], objects[1]);
    a.save();
    b.save();
    assert.equal(Object.keys(listOf(store)).length, 2);
    Deno.removeSync(paths[0]);
    // What is left by a process that was killed while it wrote; and what one is writing.
    for (const [name, hours] of [["old", 2], ["new", 0]] as const) {
      const path = `${listPath(store)}.${name}.tmp`, time = Date.now() / 1000 - 3600 * hours;
      Deno.writeTextFileSync(path, "{");
      Deno.utimeSync(path, time, time);
    }
    await a.check(paths[2], objects[2]);
    a.save();
    const names = [1, 2].map((i) => `store/objects/${objects[i].slice(0, 2)}/${objects[i]}`);
    Deno.removeSync(`${listPath(store)}.new.tmp`);
    assert.deepEqual(Object.keys(listOf(store)).sort(), names.sort());
  }));

Deno.test("a damaged list costs time only, and a dry run writes nothing", () =>
  withStore(async (store) => {
    const { path, digest } = await remembered(store);
    const list = listPath(store);
    for (const text of ["", "{", "[]", "null", '{"format":2,"files":{}}', '{"format":1}', "\0"]) {
      Deno.writeTextFileSync(list, text);
      const dry = { remember: false, now: inAnHour };
      assert.deepEqual(await look(store, path, digest, dry), ["intact", true], text);
      assert.equal(Deno.readTextFileSync(list), text);
    }
  }));

import assert from "node:assert/strict";
import { join } from "node:path";
import { CheckpointFolder } from "./checkpoint_files.ts";
import { StoredFilesOutput } from "./artifact_io.ts";
import { findLeftovers, type InUse, removeLeftovers } from "./gc.ts";
import { artifactKey, type InputDigests } from "./manifest.ts";
import { listFolder, Store } from "./store.ts";
import { StoredTableOutput } from "./artifact_io.ts";

async function withStore(use: (store: Store) => Promise<void>) {
  const root = await Deno.makeTempDir();
  try {
    const store = new Store(root);
    store.open();
    await use(store);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** Makes a result of one text file; `version` tells results of the same content apart. */
async function makeResult(store: Store, text: string, inputs: InputDigests = {}, version = "1") {
  const output = new StoredFilesOutput(store);
  await output.write("text.txt", text);
  const out = await output.close();
  const identity = { stage: "s", version, config: text, seed: 0, inputs };
  const key = artifactKey(identity);
  store.writeManifest(key, { ...identity, format: 1, outputs: { out } });
  return { key, digest: out.digest, out };
}

const use = (results: string[], abandoned: string[] = []): InUse => {
  return { results, abandoned: new Set(abandoned) };
};

const objects = (store: Store) => {
  const folder = join(store.root, "objects");
  return listFolder(folder).flatMap((prefix) => listFolder(join(folder, prefix)));
};

Deno.test("results in use are kept, with everything they were made from", () =>
  withStore(async (store) => {
    const first = await makeResult(store, "first");
    const second = await makeResult(store, "second", { a: first.digest });
    const third = await makeResult(store, "third", { many: { x: second.digest } });
    const old = await makeResult(store, "old", { a: first.digest });
    const found = await findLeftovers(store, use([third.key]));
    assert.deepEqual(found.map(({ kind }) => kind), ["result", "object", "object"]);
    assert.equal(found[0].name, `s ${old.key.slice(0, 12)}`);
    assert.equal(found[0].path, join(store.root, "manifests", `${old.key}.json`));
    removeLeftovers(store, found);
    assert.deepEqual(
      [...store.readManifests().keys()],
      [first, second, third].map(({ key }) => key).sort(),
    );
    for (const { out } of [first, second, third]) assert.deepEqual(await store.verify(out), []);
    assert.equal((await store.verify(old.out))[0].state, "missing");
    assert.deepEqual(await findLeftovers(store, use([third.key])), []);
  }));

Deno.test("if several results gave an input, those in use suffice; otherwise all are kept", () =>
  withStore(async (store) => {
    const [one, two] = [await makeResult(store, "same"), await makeResult(store, "same", {}, "2")];
    const reader = await makeResult(store, "reader", { a: one.digest });
    assert.deepEqual(await findLeftovers(store, use([reader.key])), []);
    const [found] = await findLeftovers(store, use([reader.key, two.key]));
    assert.equal(found.name, `s ${one.key.slice(0, 12)}`);
  }));

Deno.test("shards of a large table are kept with it", () =>
  withStore(async (store) => {
    const output = new StoredTableOutput(store, { n: "int32" }, { shard_bytes: 1 << 16 });
    for (let i = 0; i < 10; i++) await output.write({ n: new Int32Array(4096).fill(i) });
    const out = await output.close();
    assert.ok(out.shards! > 1);
    const identity = { stage: "t", version: "1", config: null, seed: 0, inputs: {} };
    store.writeManifest("k", { ...identity, format: 1, outputs: { out } });
    assert.deepEqual(await findLeftovers(store, use(["k"])), []);
    // An artifact whose list is damaged cannot be used, so its parts are removed.
    Deno.chmodSync(store.objectPath(out.digest), 0o644);
    Deno.writeTextFileSync(store.objectPath(out.digest), "x");
    assert.equal((await findLeftovers(store, use(["k"]))).length, out.shards);
  }));

Deno.test("checkpoints that a run could resume from are kept, with the objects of kept ones", () =>
  withStore(async (store) => {
    const { key: finished } = await makeResult(store, "finished");
    const files = (text: string) => ({ model: new TextEncoder().encode(text) });
    for (const key of ["going_on", "abandoned", finished]) {
      const folder = new CheckpointFolder(store.workFolder(key));
      folder.writeTemporary({ step: 20, files: files("temporary") });
      folder.writeKept(store, { step: 10, files: files(`kept by ${key}`) });
    }
    const found = await findLeftovers(store, use([finished], ["abandoned"]));
    const named = found.map(({ kind, name, reason }) => [kind, name, reason]);
    assert.deepEqual(
      named.slice(0, 2).sort(),
      [
        ["checkpoints", "abandoned", "the step was restarted with other inputs"],
        ["checkpoints", finished.slice(0, 12), "the step has finished"],
      ].sort(),
    );
    assert.deepEqual(named.slice(2).map(([kind]) => kind), ["object", "object"]);
    removeLeftovers(store, found);
    assert.deepEqual(listFolder(join(store.root, "work")), ["going_on"]);
    assert.equal(objects(store).length, 3); // the result's two, and the one kept
  }));

Deno.test("damaged, temporary and unreadable files are listed with their sizes", () =>
  withStore(async (store) => {
    const { key, out } = await makeResult(store, "x");
    const [object] = objects(store).filter((digest) => digest !== out.digest);
    store.quarantine(object);
    Deno.writeFileSync(join(store.root, "tmp", "half"), new Uint8Array(300));
    Deno.writeTextFileSync(join(store.root, "manifests", "broken.json"), "{");
    const found = await findLeftovers(store, use([key]));
    assert.deepEqual(found.map(({ kind, bytes, reason }) => [kind, bytes, reason]), [
      ["result", 1, "cannot be read"],
      ["damaged", 1, "damaged"],
      ["temporary", 300, "left by an interrupted run"],
    ]);
    removeLeftovers(store, found);
    assert.deepEqual(await findLeftovers(store, use([key])), []);
  }));

Deno.test("killed at any point, removal leaves no manifest without its objects, and can be run again", () =>
  withStore(async (store) => {
    const used = await makeResult(store, "used");
    const remove = Deno.removeSync;
    for (let survives = 0, done = false; !done; survives++) {
      const first = await makeResult(store, "old");
      await makeResult(store, "older", { a: first.digest });
      new CheckpointFolder(store.workFolder("abandoned"))
        .writeTemporary({ step: 1, files: { model: Uint8Array.of(1) } });
      const found = await findLeftovers(store, use([used.key], ["abandoned"]));
      let left = survives;
      try {
        Deno.removeSync = (path, options) => {
          if (left-- === 0) throw new Error("killed");
          remove(path, options);
        };
        removeLeftovers(store, found);
        done = true;
      } catch (error) {
        assert.equal((error as Error).message, "killed");
      } finally {
        Deno.removeSync = remove;
      }
      for (const { outputs } of store.readManifests().values()) {
        assert.deepEqual(await store.verify(outputs.out), [], `killed after ${survives}`);
      }
      removeLeftovers(store, await findLeftovers(store, use([used.key], ["abandoned"])));
      assert.deepEqual([...store.readManifests().keys()], [used.key]);
      assert.equal(objects(store).length, 2);
      assert.ok(survives <= found.length);
    }
  }));

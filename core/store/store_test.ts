import assert from "node:assert/strict";
import { join } from "node:path";
import { artifactObjects } from "./artifact.ts";
import { StoredCheckpoints } from "./checkpoints.ts";
import { openFiles, StoredFilesOutput } from "./artifact_io.ts";
import { artifactKey, type Manifest } from "./manifest.ts";
import { listFolder, Store } from "./store.ts";
import { openTable, StoredTableOutput } from "./artifact_io.ts";

async function withStore(use: (store: Store) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    const store = new Store(join(folder, "store"));
    store.open();
    await use(store);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function damage(path: string, at = 0) {
  Deno.chmodSync(path, 0o644);
  const bytes = Deno.readFileSync(path);
  bytes[at] ^= 1;
  Deno.writeFileSync(path, bytes);
}

const text = (content: string) => new TextEncoder().encode(content);

Deno.test("a table is written, read, and named by its content", () =>
  withStore(async (store) => {
    const columns = { a: "int32", b: "utf8" } as const;
    const write = async (parts: number[][]) => {
      const output = new StoredTableOutput(store, columns);
      for (const part of parts) {
        await output.write({ a: Int32Array.from(part), b: part.map(String) });
      }
      return output.close();
    };
    const artifact = await write([[1, 2], [3]]);
    assert.equal(artifact.digest, (await write([[1], [2, 3]])).digest);
    assert.deepEqual(listFolder(join(store.root, "tmp")), []);
    const input = await openTable(store, artifact, { b: "utf8" } as const, "input words");
    assert.equal(input.rows, 3);
    assert.deepEqual(await input.column("b"), ["1", "2", "3"]);
    for await (const batch of input.batches()) assert.deepEqual(Object.keys(batch), ["b"]);
    assert.throws(() => input.column("a" as "b"), /input words declares no column "a"/);
  }));

Deno.test("NaN is refused, naming column and row of the table; nulls are kept", () =>
  withStore(async (store) => {
    const columns = { a: "float64", b: "nullable<float64>", v: "list<float32>" } as const;
    const batch = (a: number, b: number | null, v: number) => ({
      a: Float64Array.of(a, 1),
      b: [1, b],
      // The first row has one value, the second two; the array is longer than the table.
      v: { values: Float32Array.of(1, 2, v, NaN), offsets: Int32Array.of(0, 1, 3) },
    });
    const output = new StoredTableOutput(store, columns);
    await output.write(batch(1, null, 1));
    for (
      const [wrong, message] of [
        [batch(NaN, 1, 1), /"a" has NaN in row 2; .* declare the column nullable<float64>/],
        [batch(1, NaN, 1), /"b" has NaN in row 3; write null for an unknown value/],
        [batch(1, 1, NaN), /"v" has NaN in row 3; leave unknown values out of the list/],
      ] as const
    ) await assert.rejects(output.write(wrong), message);
    await output.write(batch(2, 3, 1));
    const artifact = await output.close();
    assert.equal(artifact.rows, 4); // a stage that catches the error has written nothing by it
    const input = await openTable(store, artifact, columns, "input words");
    assert.deepEqual(await input.column("b"), [1, null, 1, 3]);
    assert.deepEqual(await input.column("a"), Float64Array.of(1, 1, 2, 1));
  }));

Deno.test("a large table is several files, read as one", () =>
  withStore(async (store) => {
    const columns = { tokens: "list<uint16|uint32>", n: "int32" } as const;
    const length = (row: number) => (row * 131) % 700; // a batch closes after 4,096 rows, or 8 MiB
    const rows = 20_000;
    const places = Float64Array.of(0, ...Array.from({ length: rows }, (_, i) => length(i)));
    for (let i = 0; i < rows; i++) places[i + 1] += places[i];
    const batch = (start: number, end: number) => ({
      n: Int32Array.from({ length: end - start }, (_, i) => start + i),
      tokens: {
        values: Uint16Array.from({ length: places[end] - places[start] }, (_, i) =>
          places[start] + i),
        offsets: Int32Array.from({ length: end - start + 1 }, (_, i) =>
          places[start + i] - places[start]),
      },
    });
    const write = async (portion: number) => {
      const output = new StoredTableOutput(store, columns, { shard_bytes: 3 << 20 });
      for (let at = 0; at < rows; at += portion) {
        await output.write(batch(at, Math.min(rows, at + portion)));
      }
      return output.close();
    };
    const artifact = await write(1000);
    assert.ok(artifact.shards! > 2);
    assert.deepEqual(await write(777), artifact);
    assert.deepEqual(await store.verify(artifact), []);

    const input = await openTable(store, artifact, columns, "input words");
    assert.equal(input.rows, rows);
    assert.deepEqual(await input.column("n"), batch(0, rows).n);
    for await (const part of input.batches(["n"])) {
      assert.deepEqual(Object.keys(part), ["n"]);
    }
    const tokens = await input.list("tokens");
    assert.equal(tokens.length, places[rows]);
    for (const [start, end] of [[0, 0], [0, rows], [4095, 4097], [rows, rows], [12_287, 19_999]]) {
      assert.deepEqual(
        tokens.offsets(start, end),
        places.subarray(start, end + 1),
        `${start}-${end}`,
      );
      const values = tokens.read(places[start], places[end]);
      assert.ok(values instanceof Uint16Array);
      assert.deepEqual(values, batch(start, end).tokens.values);
    }
    const [shard] = await artifactObjects(artifact, store.objectPath(artifact.digest));
    Deno.chmodSync(store.objectPath(shard.digest), 0o644);
    Deno.writeTextFileSync(store.objectPath(shard.digest), "x", { append: true });
    assert.deepEqual(await store.verify(artifact), [{ digest: shard.digest, state: "damaged" }]);
  }));

Deno.test("ids are uint16 or uint32 like the first rows, the same in the whole table", () =>
  withStore(async (store) => {
    const columns = { ids: "list<uint16|uint32>" } as const;
    const offsets = Int32Array.of(0, 2);
    const output = new StoredTableOutput(store, columns);
    await output.write({ ids: { values: Uint32Array.of(1, 70_000), offsets } });
    await assert.rejects(
      output.write({ ids: { values: Uint16Array.of(1, 2), offsets } }),
      /"ids" is list<uint32> and needs/,
    );
    const input = await openTable(store, await output.close(), columns, "ids");
    assert.deepEqual((await input.list("ids")).read(0, 2), Uint32Array.of(1, 70_000));
    assert.deepEqual((await input.column("ids")).values, Uint32Array.of(1, 70_000));
    const narrow = await openTable(
      store,
      await output.close(),
      { ids: "list<uint16>" } as const,
      "ids",
    );
    await assert.rejects(narrow.column("ids"), /column "ids" is List<Uint32>, not list<uint16>/);
  }));

Deno.test("files are listed sorted, with sizes, and are read-only", () =>
  withStore(async (store) => {
    const output = new StoredFilesOutput(store);
    await output.write("figures/loss.svg", "<svg/>");
    await output.write("a.bin", Uint8Array.of(1, 2));
    await assert.rejects(output.write("a.bin", "again"), /already written/);
    for (const name of ["../up", "/root", "", "a//b", "a\\b", "."]) {
      await assert.rejects(output.write(name, "x"), /not a usable file name/);
    }
    const artifact = await output.close();
    assert.equal(artifact.bytes, 8);
    const input = await openFiles(store, artifact, "input pictures");
    assert.deepEqual(input.names, ["a.bin", "figures/loss.svg"]);
    assert.equal(await input.text("figures/loss.svg"), "<svg/>");
    assert.deepEqual(await input.bytes("a.bin"), Uint8Array.of(1, 2));
    assert.equal(Deno.statSync(input.path("a.bin")).mode! & 0o777, 0o444);
    await assert.rejects(
      input.bytes("b"),
      /input pictures has no file "b"; its files are a.bin, fig/,
    );
  }));

Deno.test("the order in which files are written does not matter", () =>
  withStore(async (store) => {
    const digests = [];
    for (const names of [["a", "b"], ["b", "a"]]) {
      const output = new StoredFilesOutput(store);
      for (const name of names) await output.write(name, name);
      digests.push((await output.close()).digest);
    }
    assert.equal(digests[0], digests[1]);
  }));

Deno.test("damaged and missing objects are found, the list and the files", () =>
  withStore(async (store) => {
    const output = new StoredFilesOutput(store);
    await output.write("a", "content");
    const artifact = await output.close();
    assert.deepEqual(await store.verify(artifact), []);
    const blob = store.put(text("content"));
    damage(store.objectPath(blob.digest), 3);
    assert.deepEqual(await store.verify(artifact), [{ digest: blob.digest, state: "damaged" }]);
    store.quarantine(blob.digest);
    assert.deepEqual(await store.verify(artifact), [{ digest: blob.digest, state: "missing" }]);
    assert.deepEqual(listFolder(join(store.root, "damaged")), [blob.digest]);
    damage(store.objectPath(artifact.digest), 100);
    assert.deepEqual(await store.verify(artifact), [{ digest: artifact.digest, state: "damaged" }]);
    store.put(text("content"));
    damage(store.objectPath(artifact.digest), 100);
    assert.deepEqual(await store.verify(artifact), []);
  }));

Deno.test("manifests are stored by key; an unreadable one counts as absent", () =>
  withStore((store) => {
    const identity = { stage: "s", version: "1", config: { b: 1, a: 2 }, seed: 0, inputs: {} };
    const key = artifactKey(identity);
    assert.equal(key, artifactKey({ ...identity, config: { a: 2, b: 1 } }));
    assert.notEqual(key, artifactKey({ ...identity, seed: 1 }));
    const manifest: Manifest = { ...identity, format: 1, outputs: {} };
    store.writeManifest(key, manifest);
    assert.deepEqual(store.readManifest(key), manifest);
    Deno.writeTextFileSync(join(store.root, "manifests", "broken.json"), "{");
    assert.deepEqual([...store.readManifests().keys()], [key]);
    return Promise.resolve();
  }));

Deno.test("a manifest in which any digit or letter was changed counts as absent", () =>
  withStore((store) => {
    const out = { kind: "table", digest: "ab", rows: 10, bytes: 100 } as const;
    const identity = { stage: "s", version: "1", config: {}, seed: 1, inputs: {} };
    const manifest: Manifest = { format: 1, ...identity, outputs: { out } };
    store.writeManifest("k", manifest);
    assert.deepEqual(store.readManifest("k"), manifest);
    const path = join(store.root, "manifests", "k.json");
    const text = Deno.readTextFileSync(path);
    for (
      const [from, to] of [['"rows":10', '"rows":11'], ['"digest"', '"digesu"'], ["100", "900"]]
    ) {
      Deno.writeTextFileSync(path, text.replace(from, to));
      assert.equal(store.readManifest("k"), undefined, from);
    }
    return Promise.resolve();
  }));

Deno.test("checkpoints: the newest complete one is used, not a damaged one", () =>
  withStore(async (store) => {
    const warnings: string[] = [];
    const folder = store.workFolder("k");
    const checkpoints = new StoredCheckpoints(folder, (message) => warnings.push(message));
    assert.equal(await checkpoints.latest(), undefined);
    await checkpoints.save(10, { "model.bin": Uint8Array.of(1) });
    await checkpoints.save(20, { "model.bin": Uint8Array.of(2) });
    assert.deepEqual([...store.unfinished()], ["k"]);
    const latest = (await checkpoints.latest())!;
    assert.equal(latest.step, 20);
    assert.deepEqual(await latest.read("model.bin"), Uint8Array.of(2));
    await assert.rejects(latest.read("other"), /no file "other"; its files are model.bin/);
    assert.equal(listFolder(folder).length, 1);
    Deno.mkdirSync(join(folder, "filling")); // an interruption while saving
    assert.equal((await checkpoints.latest())!.step, 20);
    damage(join(folder, listFolder(folder)[1], "model.bin"));
    assert.equal(await checkpoints.latest(), undefined);
    assert.match(warnings[0], /damaged/);
    store.clearWork("k");
    assert.deepEqual([...store.unfinished()], []);
  }));

Deno.test("checkpoints: saving a step again never leaves the folder without one", () =>
  withStore(async (store) => {
    const folder = store.workFolder("k");
    const checkpoints = new StoredCheckpoints(folder);
    const value = async () => (await (await checkpoints.latest())!.read("v"))[0];
    const save = (value: number) => checkpoints.save(20, { v: Uint8Array.of(value) });
    const [rename, remove] = [Deno.renameSync, Deno.removeSync];
    const kill = () => {
      throw new Error("killed");
    };
    await save(1);
    try {
      // Killed with the old folder aside and the new one not yet in place.
      Deno.renameSync = (from, to) => `${from}`.endsWith("filling") ? kill() : rename(from, to);
      await assert.rejects(save(2), /killed/);
      assert.equal(await value(), 1);
      assert.deepEqual([...store.unfinished()], ["k"]);
      await assert.rejects(save(3), /killed/);
      assert.equal(await value(), 1);
      Deno.renameSync = rename;
      await save(4);
      assert.deepEqual(listFolder(folder), ["step-000000000020"]);
      // Killed before the old folder is removed.
      let saved = false;
      Deno.renameSync = (from, to) => {
        rename(from, to);
        saved ||= `${from}`.endsWith("filling");
      };
      Deno.removeSync = (path, options) => saved ? kill() : remove(path, options);
      await assert.rejects(save(5), /killed/);
    } finally {
      Object.assign(Deno, { renameSync: rename, removeSync: remove });
    }
    assert.equal(await value(), 5);
    assert.equal(listFolder(folder).length, 2);
    await save(6);
    assert.equal(await value(), 6);
    assert.deepEqual(listFolder(folder), ["step-000000000020"]);
  }));

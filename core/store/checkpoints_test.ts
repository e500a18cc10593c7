import assert from "node:assert/strict";
import { join } from "node:path";
import { removeIfPresent } from "./atomic.ts";
import { StoredCheckpoints } from "./checkpoints.ts";
import { StoredFilesOutput } from "./artifact_io.ts";
import { listFolder, Store } from "./store.ts";

/** An encoder module: one file, named by the data. */
const ENCODER = `data:text/javascript,export default ${
  encodeURIComponent(
    "({ name, bytes }) => { if (!name) throw new Error('no name'); return { [name]: bytes }; }",
  )
}`;

interface Data {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
}

async function withStore(use: (store: Store, folder: string) => Promise<void>) {
  const root = await Deno.makeTempDir();
  try {
    const store = new Store(root);
    store.open();
    await use(store, store.workFolder("key"));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

function request(step: number, keep: boolean, name = "model.bin", size = 4) {
  const bytes = new Uint8Array(size).fill(step);
  return { step, keep, data: { name, bytes }, buffers: [bytes.buffer] };
}

Deno.test("an index with a changed field name or step is damaged, and the checkpoint is not used", async () => {
  const root = await Deno.makeTempDir();
  try {
    const folder = join(root, "store", "work", "key");
    for (
      const [from, to] of [['"files"', '"gilez"'], ['"step":3', '"step":5'], ['"step"', '"stop"']]
    ) {
      const messages: string[] = [];
      const checkpoints = new StoredCheckpoints(folder, (message) => messages.push(message));
      await checkpoints.save(3, { a: Uint8Array.of(1) });
      const path = join(folder, "step-000000000003", "checkpoint.json");
      Deno.writeTextFileSync(path, Deno.readTextFileSync(path).replace(from, to));
      assert.equal(await checkpoints.latest(), undefined, from);
      assert.match(messages.join(), /is damaged; it is not used/);
    }
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("the writer's thread writes both kinds, and transfers the memory back", () =>
  withStore(async (store, folder) => {
    const checkpoints = new StoredCheckpoints(folder);
    const writer = checkpoints.openWriter(ENCODER);
    for (const [step, keep] of [[10, false], [20, true], [30, false], [40, true]] as const) {
      const given = request(step, keep);
      const writing = writer.write<Data>(given);
      assert.equal(given.data.bytes.length, 0); // transferred
      const { bytes } = await writing;
      assert.deepEqual(bytes, new Uint8Array(4).fill(step));
      assert.equal((await checkpoints.latest())!.step, step);
    }
    writer.close();
    assert.deepEqual(listFolder(folder), ["kept", "step-000000000030"]);
    const again = new StoredCheckpoints(folder);
    assert.deepEqual((await again.kept()).map(({ step }) => step), [20, 40]);
    const [first] = await again.kept();
    assert.deepEqual(first.names, ["model.bin"]);
    assert.deepEqual(await first.read("model.bin"), new Uint8Array(4).fill(20));
    assert.throws(() => first.path("other"), /no file "other"; its files are model.bin/);
    assert.deepEqual([...store.unfinished()], ["key"]);
  }));

Deno.test("a damaged checkpoint is dropped, and the one before it is used", () =>
  withStore(async (store, folder) => {
    const warnings: string[] = [];
    const writer = new StoredCheckpoints(folder).openWriter(ENCODER);
    await writer.write(request(10, false));
    await writer.write(request(20, true));
    await writer.write(request(30, true));
    writer.close();
    const checkpoints = new StoredCheckpoints(folder, (message) => warnings.push(message));
    const [, { path }] = await checkpoints.kept();
    Deno.removeSync(path("model.bin"));
    const fresh = new StoredCheckpoints(folder, (message) => warnings.push(message));
    assert.equal((await fresh.latest())!.step, 20);
    assert.deepEqual(warnings, ["checkpoint of step 30 is damaged; it is not used"]);
    Deno.writeTextFileSync(join(folder, "kept", "step-000000000020.json"), "{");
    assert.equal((await fresh.latest())!.step, 10);
    assert.equal((await fresh.kept()).length, 0);
    assert.ok(store.unfinished().has("key"));
  }));

Deno.test("a failure names the step, leaves no partial checkpoint, and the thread continues", () =>
  withStore(async (_, folder) => {
    const checkpoints = new StoredCheckpoints(folder);
    const writer = checkpoints.openWriter(ENCODER);
    await writer.write(request(10, false));
    const failing = writer.write(request(20, false, ""));
    await assert.rejects(
      failing,
      /^Error: the checkpoint of step 20 could not be written: no name/,
    );
    await assert.rejects(writer.write(request(20, true, "../up")), /not a usable file name/);
    assert.deepEqual(listFolder(folder), ["step-000000000010"]);
    await writer.write(request(20, false));
    assert.equal((await checkpoints.latest())!.step, 20);
    writer.close();
    const broken = checkpoints.openWriter("data:text/javascript,!");
    await assert.rejects(
      broken.write(request(30, true)),
      /step 30 could not be written: Unexpected end/,
    );
    broken.close();
  }));

Deno.test("a thread terminated while writing leaves the previous checkpoint intact", () =>
  withStore(async (_, folder) => {
    const checkpoints = new StoredCheckpoints(folder);
    const first = checkpoints.openWriter(ENCODER);
    await first.write(request(10, true));
    first.close();
    for (const keep of [false, true]) {
      const writer = checkpoints.openWriter(ENCODER);
      const cut_short = writer.write(request(20, keep, "model.bin", 1 << 28));
      await assert.rejects(writer.write(request(30, keep)), /still being written; wait for it/);
      while (
        !(listFolder(folder).includes("filling") || listFolder(join(folder, "../../tmp")).length)
      ) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      writer.close();
      await assert.rejects(cut_short, /the writer was closed/);
      removeIfPresent(join(folder, "filling"));
      assert.equal((await checkpoints.latest())!.step, 10);
    }
  }));

Deno.test("files on disk become files of an output: objects without a copy, others copied", () =>
  withStore(async (store) => {
    const object = store.put(new Uint8Array(10));
    const before = Deno.statSync(store.objectPath(object.digest)).ino;
    const other = join(store.root, "tmp", "other.txt");
    Deno.writeTextFileSync(other, "x".repeat(3 << 20));
    const output = new StoredFilesOutput(store);
    await output.write("object", { path: store.objectPath(object.digest) });
    await output.write("copy", { path: other });
    await assert.rejects(output.write("none", { path: `${other}.none` }), Deno.errors.NotFound);
    const artifact = await output.close();
    assert.equal(artifact.bytes, 10 + (3 << 20));
    assert.deepEqual(await store.verify(artifact), []);
    assert.equal(Deno.statSync(store.objectPath(object.digest)).ino, before);
    assert.deepEqual(listFolder(join(store.root, "tmp")), ["other.txt"]);
  }));

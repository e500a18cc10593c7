import assert from "node:assert/strict";
import { join } from "node:path";
import { listFolder, Store } from "./store.ts";
import { StoredCheckpoints } from "./checkpoints.ts";
import { findLeftovers } from "./gc.ts";

/** An encoder module that copies its data. */
const COPY = "data:text/javascript,export default (files) => files";

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

/** A step that measures 100 bytes at each step. */
class Measuring {
  at = 0;
  readonly warnings: string[] = [];
  readonly checkpoints: StoredCheckpoints;
  readonly writer;
  constructor(folder: string) {
    this.checkpoints = new StoredCheckpoints(folder, (message) => this.warnings.push(message));
    this.writer = this.checkpoints.openWriter(COPY);
  }
  async save(step: number, keep: boolean) {
    const bytes = rowsOf(step).slice(this.at);
    const data = { model: Uint8Array.of(step) };
    const rows = { name: "rows.jsonl", at: this.at, bytes };
    await this.writer.write({ step, keep, data, buffers: [], rows });
    this.at += bytes.length;
  }
}

/** All rows of the steps up to one. */
const rowsOf = (step: number) =>
  new TextEncoder().encode(
    Array.from({ length: step }, (_, i) => `${i + 1}`.padStart(99) + "\n").join(""),
  );

const rowsFile = (folder: string) => join(folder, "rows", "rows.jsonl");
const size = (path: string) => Deno.statSync(path).size;
const steps = async (checkpoints: StoredCheckpoints) =>
  (await checkpoints.kept()).map(({ step }) => step);

Deno.test("many checkpoints write each row once, and each has the rows of its time", () =>
  withStore(async (store, folder) => {
    const { save, writer, ...run } = bound(new Measuring(folder));
    for (let step = 1; step <= 30; step++) await save(step, step % 3 > 0);
    writer.close();
    assert.equal(size(rowsFile(folder)), 30 * 100);
    assert.equal((await run.checkpoints.latest())!.step, 30);
    const kept = await run.checkpoints.kept();
    assert.equal(kept.length, 20);
    for (const { step, names, read } of kept) {
      assert.deepEqual(await read("rows.jsonl"), rowsOf(step));
      assert.deepEqual(names, ["model"]);
    }
    // The lists of checkpoints do not grow either, and every object is a file of a checkpoint.
    const lists = listFolder(join(folder, "kept")).map((name) => size(join(folder, "kept", name)));
    assert.ok(Math.max(...lists) - Math.min(...lists) <= 4, lists.join());
    assert.deepEqual(await findLeftovers(store, { results: [], abandoned: new Set() }), []);
  }));

/** Methods that can be taken apart. */
function bound(run: Measuring) {
  const { checkpoints, warnings, writer } = run;
  return { checkpoints, warnings, writer, save: run.save.bind(run) };
}

Deno.test("a run that continues after a kill overwrites the rows that no checkpoint has", () =>
  withStore(async (_, folder) => {
    const first = bound(new Measuring(folder));
    await first.save(4, false);
    first.writer.close();
    // Killed after the rows of step 6 were written, in part, and before its checkpoint was.
    Deno.writeFileSync(rowsFile(folder), rowsOf(6).subarray(400, 550), { append: true });
    const run = new Measuring(folder);
    const { step, read } = (await run.checkpoints.latest())!;
    assert.deepEqual([step, await read("rows.jsonl")], [4, rowsOf(4)]);
    run.at = 400;
    await run.save(5, true);
    run.writer.close();
    assert.deepEqual(await (await run.checkpoints.latest())!.read("rows.jsonl"), rowsOf(5));
    assert.deepEqual(run.warnings, []);
  }));

Deno.test("making an earlier checkpoint again leaves later ones valid at any moment", () =>
  withStore(async (_, folder) => {
    const first = bound(new Measuring(folder));
    for (const step of [2, 4, 6, 8]) await first.save(step, true);
    first.writer.close();
    Deno.removeSync(join(folder, "kept", "step-000000000004.json"));
    const again = new Measuring(folder);
    again.at = 200; // continues from step 2
    for (const step of [3, 4]) {
      await again.save(step, step === 4);
      const seen = await steps(new StoredCheckpoints(folder));
      assert.deepEqual(seen, step === 4 ? [2, 4, 6, 8] : [2, 6, 8]);
    }
    again.writer.close();
  }));

Deno.test("damaged rows: only checkpoints that have them are dropped", () =>
  withStore(async (_, folder) => {
    const run = bound(new Measuring(folder));
    for (const step of [2, 4, 6]) await run.save(step, true);
    await run.save(8, false);
    run.writer.close();
    const bytes = Deno.readFileSync(rowsFile(folder));
    bytes[450] ^= 1;
    Deno.writeFileSync(rowsFile(folder), bytes);
    assert.equal((await run.checkpoints.latest())!.step, 4);
    assert.match(run.warnings.join("\n"), /of step 6 is damaged[^]*step-0+8 is damaged/);
    Deno.truncateSync(rowsFile(folder), 399);
    assert.deepEqual(await steps(run.checkpoints), [2]);
    Deno.removeSync(rowsFile(folder));
    assert.deepEqual(await steps(run.checkpoints), []);
  }));

Deno.test("rows that went missing while a step runs are an error, not a gap", () =>
  withStore(async (_, folder) => {
    const run = new Measuring(folder);
    await run.save(2, true);
    run.writer.close();
    Deno.truncateSync(rowsFile(folder), 10);
    const lost = new StoredCheckpoints(folder).save(3, {}, {
      name: "rows.jsonl",
      at: 200,
      bytes: Uint8Array.of(1),
    });
    await assert.rejects(lost, /rows\.jsonl has lost the rows of earlier checkpoints; run again/);
  }));

Deno.test("a checkpoint of another format is refused, not deleted; a damaged list is not mistaken for one", () =>
  withStore(async (store, folder) => {
    const list = join(folder, "step-000000000003", "checkpoint.json");
    const checkpoints = new StoredCheckpoints(folder);
    await checkpoints.save(3, { a: Uint8Array.of(1) });
    const text = Deno.readTextFileSync(list);
    const refused = /checkpoint\.json is of checkpoint format 1, and this version reads 2: finish/;
    Deno.writeTextFileSync(list, '{"files":{"a":"00"},"step":3}');
    await assert.rejects(checkpoints.latest(), refused);
    Deno.mkdirSync(join(folder, "kept"));
    const kept = join(folder, "kept", "step-000000000001.json");
    Deno.writeTextFileSync(kept, '{"files":[],"step":1}');
    await assert.rejects(checkpoints.kept(), /step-0+1\.json is of checkpoint format 1/);
    await assert.rejects(findLeftovers(store, { results: [], abandoned: new Set() }), /format 1/);
    Deno.removeSync(kept);
    Deno.writeTextFileSync(list, text.replace('"format":2', '"format":3'));
    assert.equal(await checkpoints.latest(), undefined);
  }));

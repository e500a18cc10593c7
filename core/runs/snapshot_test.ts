import assert from "node:assert/strict";
import { join } from "node:path";
import { EventLog, LogReader } from "./event_log.ts";
import type { RunEventBody, RunState } from "./events.ts";
import { refreshSnapshots, RunFolder } from "./run_folder.ts";
import { EVERY_BYTES, FORMAT, readSnapshot } from "./snapshot.ts";
import { withFolder } from "../../tests/shared/commands.ts";

const ID = "1-long";
const logOf = (out: string) => join(out, "runs", ID, "events.jsonl");
const reportOf = (i: number): RunEventBody => {
  return { type: "report", step: "a", points: [[i, i, { loss: i / 7, odd: null }]] };
};
const lineOf = (i: number) => JSON.stringify({ time: i, ...reportOf(i) }) + "\n";

/** A log of over two snapshots, as the runner writes it, and the state that it ends in. */
function writeLong(out: string): RunState {
  const log = new EventLog(join(out, "runs", ID));
  const plan = [{ id: "a", stage: "s", action: "run" as const, reasons: ["new"] }];
  log.emit({ type: "run_started", run: ID, recipe: "r", description: "\x1b \u202e", plan });
  log.emit({ type: "step_started", step: "a", key: "k", reasons: [] });
  log.emit({ type: "log", step: "a", message: "x".repeat(1.5 * EVERY_BYTES) });
  for (let i = 0; i < 10; i++) log.emit(reportOf(i));
  log.emit({ type: "log", step: "a", message: "x".repeat(1.2 * EVERY_BYTES) });
  for (let i = 10; i < 20; i++) log.emit(reportOf(i));
  log.close();
  return log.state!;
}

const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
const stateOf = async (path: string) => plain(await new LogReader(path).read());
/** The state, read without snapshots. */
const fullState = async (path: string) => plain(await new LogReader(path, () => {}).read());

Deno.test("the state of a long log is its newest snapshot and the events after it", () =>
  withFolder(async (out) => {
    const written = plain(writeLong(out));
    const path = logOf(out);
    const { size } = Deno.statSync(path);
    assert.ok(size - readSnapshot(path)!.offset < 2000);
    assert.deepEqual(await stateOf(path), written);
    assert.deepEqual(await fullState(path), written);
    // What the snapshot covers is not read again: it may even be something else.
    const file = Deno.openSync(path, { write: true });
    file.writeSync(new Uint8Array(1000));
    file.close();
    assert.deepEqual(await stateOf(path), written);
    Deno.writeTextFileSync(path, lineOf(20), { append: true });
    assert.equal((await stateOf(path)).steps[0].done, 20);
    // Everything else about the run needs the whole log, and waits for it alone.
    const runs = new RunFolder(out);
    const index = runs.index(ID);
    assert.equal((await runs.get(ID))!.steps[0].done, 20);
    assert.equal((await index)!.series.select({ names: ["loss"] })[0].steps.length, 21);
    assert.equal(runs.index(ID) === index, false);
    assert.equal(await runs.index(ID), await index);
  }));

Deno.test("a snapshot that is cut off, changed or of another log is not used", () =>
  withFolder(async (out) => {
    writeLong(out);
    const [path, folder] = [logOf(out), join(out, "runs", ID)];
    const expected = await fullState(path);
    const [older, newer] = ["state.0.json", "state.1.json"].map((name) => join(folder, name));
    const good = Deno.readTextFileSync(newer);
    const bad = [
      "",
      good.slice(0, good.length >> 1),
      good.slice(0, -9) + good.slice(-8),
      good.replace('"format":2', '"format":0'),
      good.replace(/"offset":\d+/, '"offset":1'),
      good.replace(/"offset":\d+/, '"offset":-1'),
      good.replace('"waiting"', '"running"').replace('"recipe":"r"', '"recipe":"x"'),
      "null\nnull\n",
    ];
    for (const [i, text] of bad.entries()) {
      Deno.writeTextFileSync(newer, text);
      const { offset } = readSnapshot(path)!;
      assert.ok(offset < 1.6 * EVERY_BYTES, `${i}`); // the older one
      assert.deepEqual(await stateOf(path), expected, `${i}`);
    }
    Deno.removeSync(newer);
    Deno.symlinkSync(older, newer);
    assert.deepEqual(await stateOf(path), expected);
    // A log that was cut, or replaced, and a folder that was renamed.
    Deno.truncateSync(path, 300);
    assert.equal(readSnapshot(path), undefined);
    assert.equal((await stateOf(path)).steps[0].state, "running");
    Deno.writeTextFileSync(path, "{}\n".repeat(EVERY_BYTES));
    assert.equal(readSnapshot(path), undefined);
    assert.equal(await new LogReader(path).read(), undefined);
  }));

Deno.test("a renamed run keeps its snapshot, and the runner makes those that are missing", () =>
  withFolder(async (out) => {
    writeLong(out);
    const renamed = join(out, "runs", "2-renamed");
    Deno.renameSync(join(out, "runs", ID), renamed);
    const path = join(renamed, "events.jsonl");
    assert.equal(readSnapshot(path)!.state.id, "2-renamed");
    const log = Deno.readTextFileSync(path);
    Deno.removeSync(renamed, { recursive: true });
    Deno.mkdirSync(renamed);
    Deno.writeTextFileSync(path, log + lineOf(30));
    await refreshSnapshots(out);
    assert.equal(readSnapshot(path), undefined); // it is short enough
    Deno.writeTextFileSync(
      path,
      (JSON.stringify({ type: "log", message: "x".repeat(EVERY_BYTES) }) + "\n").repeat(2),
      { append: true },
    );
    const expected = await fullState(path);
    await refreshSnapshots(out);
    assert.deepEqual(plain(readSnapshot(path)), {
      offset: Deno.statSync(path).size,
      state: expected,
    });
  }));

Deno.test("a change of the state comes with a new format of snapshots", () =>
  withFolder((out) => {
    const state = writeLong(out);
    const fields = [FORMAT, Object.keys(plain(state)).sort().join(" ")];
    const of_step = Object.keys(plain(state.steps[0])).sort().join(" ");
    // Raise FORMAT in snapshot.ts when you change these.
    assert.deepEqual([...fields, of_step], [
      2,
      "description id paused published recipe running stages started_at state steps",
      "done first id last metrics reasons stage started_at state",
    ]);
    return Promise.resolve();
  }));

Deno.test("a failure to write a snapshot is not a failure of the run", () =>
  withFolder((out) => {
    for (const name of ["state.0.json", "state.1.json"]) {
      Deno.mkdirSync(join(out, "runs", ID, name), { recursive: true });
    }
    writeLong(out);
    assert.equal(readSnapshot(logOf(out)), undefined);
    return Promise.resolve();
  }));

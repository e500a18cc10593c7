import assert from "node:assert/strict";
import { join } from "node:path";
import type { RunEvent } from "./events.ts";
import { RunFolder } from "./run_folder.ts";
import { withFolder } from "../../tests/shared/commands.ts";

const FRESH = { log_ms: 0, folder_ms: 0 };

const plan = [{ id: "a", stage: "s", action: "run" as const, reasons: [] }];

function writeLog(out: string, id: string, ...more: RunEvent[]): string {
  const events: RunEvent[] = [
    { time: 1, type: "run_started", run: id, recipe: "r", description: "", plan },
    { time: 1, type: "step_started", step: "a", key: "k", reasons: [] },
    ...more,
  ];
  const folder = join(out, "runs", id);
  Deno.mkdirSync(folder, { recursive: true });
  const path = join(folder, "events.jsonl");
  Deno.writeTextFileSync(path, events.map((event) => JSON.stringify(event) + "\n").join(""));
  return path;
}

const report = (done: number): RunEvent => {
  return { time: 10 * done, type: "report", step: "a", points: [[done, 10 * done, { x: done }]] };
};
const finished: RunEvent = { time: 9, type: "run_finished", published: [] };

Deno.test("folders without a log, files and links are not runs", () =>
  withFolder(async (out) => {
    const log = writeLog(out, "2-b", finished);
    Deno.mkdirSync(join(out, "runs", "3-empty"));
    Deno.mkdirSync(join(out, "runs", "4-folder", "events.jsonl"), { recursive: true });
    Deno.writeTextFileSync(join(out, "runs", "5-file"), "");
    Deno.symlinkSync(join(out, "runs", "2-b"), join(out, "runs", "6-link"));
    Deno.mkdirSync(join(out, "runs", "7-linked"));
    Deno.symlinkSync(log, join(out, "runs", "7-linked", "events.jsonl"));
    const folder = new RunFolder(out, FRESH);
    assert.deepEqual(folder.ids(), ["2-b"]);
    for (const id of ["6-link", "7-linked", "../runs/2-b", "2-b/", "", "."]) {
      assert.equal(await folder.get(id), undefined, id);
    }
    writeLog(out, "1-a", finished);
    assert.deepEqual(folder.ids(), ["2-b", "1-a"]);
    Deno.renameSync(join(out, "runs", "1-a"), join(out, "runs", "1-renamed"));
    assert.deepEqual(folder.ids(), ["2-b", "1-renamed"]);
    assert.equal((await folder.get("1-renamed"))!.id, "1-renamed");
    Deno.removeSync(join(out, "runs", "2-b"), { recursive: true });
    assert.deepEqual(folder.ids(), ["1-renamed"]);
    assert.deepEqual(new RunFolder(join(out, "nowhere")).ids(), []);
  }));

Deno.test("the state stays the same object while nothing changes, and the index grows", () =>
  withFolder(async (out) => {
    const path = writeLog(out, "1-a", report(1));
    const folder = new RunFolder(out, FRESH);
    const first = (await folder.get("1-a"))!;
    assert.deepEqual([first.state, first.message], ["lost", "the process ended unexpectedly"]);
    assert.equal(await folder.get("1-a"), first);
    const index = (await folder.index("1-a"))!;
    assert.equal(index.series.points, 1);
    Deno.writeTextFileSync(path, JSON.stringify(report(2)) + "\n", { append: true });
    assert.equal(await folder.index("1-a"), index);
    assert.deepEqual([...index.series.select()[0].values], [1, 2]);
    assert.deepEqual((await folder.get("1-a"))!.steps[0].metrics, { x: 2 });
  }));

Deno.test("a log is not read more often than allowed", () =>
  withFolder(async (out) => {
    const path = writeLog(out, "1-a", report(1));
    const folder = new RunFolder(out, { log_ms: 3600_000, folder_ms: 3600_000 });
    const first = await folder.get("1-a");
    Deno.writeTextFileSync(path, JSON.stringify(report(2)) + "\n", { append: true });
    writeLog(out, "2-b");
    assert.equal(await folder.get("1-a"), first);
    assert.deepEqual(folder.ids(), ["1-a"]);
  }));

Deno.test("indexes of recently used runs are kept, and others are rebuilt on request", () =>
  withFolder(async (out) => {
    const ids = Array.from({ length: 12 }, (_, i) => `${10 + i}-run`);
    for (const id of ids) writeLog(out, id, report(1), report(2), finished);
    const folder = new RunFolder(out, FRESH);
    const indexes = await Promise.all(ids.map((id) => folder.index(id)));
    assert.ok(indexes.every((index) => index!.series.points === 2));
    assert.equal(await folder.index(ids[11]), indexes[11]);
    const again = await folder.index(ids[0]);
    assert.notEqual(again, indexes[0]);
    assert.equal(again!.series.points, 2);
    assert.equal((await folder.get(ids[1]))!.state, "finished");
  }));

Deno.test("invalid lines and unknown events do not affect the others", () =>
  withFolder(async (out) => {
    const path = writeLog(out, "1-a", report(1));
    const odd = ["null", "7", "{}", '{"type":"report","step":"a"}', '{"type":"log"}', '"x"', "{"];
    Deno.writeTextFileSync(path, odd.join("\n") + "\n", { append: true });
    Deno.writeTextFileSync(
      path,
      [report(5), finished].map((e) => JSON.stringify(e) + "\n").join(""),
      {
        append: true,
      },
    );
    const state = (await new RunFolder(out, FRESH).get("1-a"))!;
    assert.deepEqual([state.state, state.steps[0].done], ["finished", 5]);
  }));

import assert from "node:assert/strict";
import { join } from "node:path";
import { foldEvents, type RunEvent, type RunEventBody } from "../runs/mod.ts";
import { pastSeconds, runTimeLeft } from "./durations.ts";

const plan = ["a", "b"].map((id) => {
  return { id, stage: "s", action: "run", reasons: [] } as const;
});

function writeRun(out: string, id: string, events: [number, RunEventBody][], recipe = "r") {
  Deno.mkdirSync(join(out, "runs", id), { recursive: true });
  const start = { type: "run_started", run: id, recipe, description: "", plan } as const;
  const lines = [[0, start] as const, ...events].map(([time, event]) =>
    JSON.stringify({ time: 1000 * time, ...event })
  );
  Deno.writeTextFileSync(join(out, "runs", id, "events.jsonl"), lines.join("\n") + "\n");
}

const started = (step: string, reasons: string[] = []): RunEventBody => {
  return { type: "step_started", step, key: "k", reasons };
};
const finished = (step: string): RunEventBody => ({ type: "step_finished", step, outputs: {} });

Deno.test("the duration of a step is that of the newest run in which it finished", async () => {
  const out = await Deno.makeTempDir();
  try {
    writeRun(out, "1", [[1, started("a")], [11, finished("a")], [11, started("b")], [
      14,
      finished("b"),
    ]]);
    writeRun(out, "2", [[1, started("a")], [21, finished("a")], [21, started("b")]]);
    writeRun(out, "3", [[1, started("b")], [99, finished("b")]], "another");
    assert.deepEqual(await pastSeconds(out, "r", ["a", "b"]), new Map([["a", 20], ["b", 3]]));
    assert.deepEqual(await pastSeconds(out, "r", ["b"]), new Map([["b", 3]]));
    assert.deepEqual(await pastSeconds(join(out, "none"), "r", ["a"]), new Map());
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test("for a resumed step, the part before its checkpoint is added at the same pace", async () => {
  const out = await Deno.makeTempDir();
  try {
    const points = [[30, 12_000, {}], [40, 17_000, {}]] as const;
    writeRun(out, "1", [
      [10, started("a", ["interrupted, resumes from its checkpoint"])],
      [17, { type: "report", step: "a", total: 40, points }],
      [18, finished("a")],
    ]);
    // 8 s in this run, and 30 steps of half a second before.
    assert.deepEqual(await pastSeconds(out, "r", ["a"]), new Map([["a", 23]]));
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

/** A trunk of 10 s, arms of 30 s and 20 s, and a page of 5 s that reads both. */
function eventsOf(jobs: number, past: Record<string, number | undefined> = {}): RunEvent[] {
  const seconds: Record<string, number | undefined> = {
    trunk: 10,
    left: 30,
    right: 20,
    page: 5,
    ...past,
  };
  const after: Record<string, string[]> = {
    trunk: [],
    left: ["trunk"],
    right: ["trunk"],
    page: ["left", "right"],
  };
  const plan = Object.keys(after).map((id) => ({
    id,
    stage: "s",
    action: "run" as const,
    reasons: [],
    task: { id, after: after[id], cores: 1, memory: 0 },
    past_seconds: seconds[id],
  }));
  const budget = { jobs, cores: 2, memory: 0 };
  return [{ time: 0, type: "run_started", run: "r", recipe: "", description: "", budget, plan }];
}

const starts = (step: string, time: number): RunEvent => {
  return { time, type: "step_started", step, key: "k", reasons: [] };
};
const ends = (step: string, time: number): RunEvent => {
  return { time, type: "step_finished", step, outputs: {} };
};
const left = (events: RunEvent[], now: number) => runTimeLeft(foldEvents(events)!, now);

Deno.test("time left is the simulated schedule of the durations of earlier runs", () => {
  assert.equal(left(eventsOf(1), 0), 10 + 30 + 20 + 5);
  assert.equal(left(eventsOf(2), 0), 10 + 30 + 5);
  const halfway = [...eventsOf(2), starts("trunk", 0), ends("trunk", 9000), starts("left", 9000)];
  const both = [...halfway, starts("right", 9000)];
  assert.equal(left(both, 19_000), 20 + 5);
  // Its own reports say more than the past does: half of it took 40 s.
  const report: RunEvent = {
    time: 49_000,
    type: "report",
    step: "right",
    total: 21,
    points: [[1, 9000, {}], [11, 49_000, {}]],
  };
  assert.equal(left([...both, report], 49_000), 40 + 5);
  const done = [...both, ends("right", 29_000), ends("left", 39_000), starts("page", 39_000)];
  assert.equal(left(done, 41_000), 3);
  assert.equal(left(done, 99_000), 0);
});

Deno.test("time left is undefined if a step never ran, for logs without tasks, and for a run that is over", () => {
  assert.equal(left(eventsOf(2, { page: undefined }), 0), undefined);
  const [{ budget: _, ...old }] = eventsOf(1) as (RunEvent & { type: "run_started" })[];
  assert.equal(left([old], 0), undefined);
  assert.equal(left([...eventsOf(1), { time: 1, type: "run_failed", message: "" }], 1), undefined);
});

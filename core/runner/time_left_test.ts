import assert from "node:assert/strict";
import { foldEvents, type RunEvent } from "../runs/mod.ts";
import { runTimeLeft } from "./time_left.ts";

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

Deno.test("what is left is what the steps took before, as they fit beside each other", () => {
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

Deno.test("nothing is told where one step never ran, of logs without tasks, and of a run that is over", () => {
  assert.equal(left(eventsOf(2, { page: undefined }), 0), undefined);
  const [{ budget: _, ...old }] = eventsOf(1) as (RunEvent & { type: "run_started" })[];
  assert.equal(left([old], 0), undefined);
  assert.equal(left([...eventsOf(1), { time: 1, type: "run_failed", message: "" }], 1), undefined);
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { EventLog, LogReader } from "./event_log.ts";
import { foldEvents, runClock, type RunEvent, runningSteps, timeLeft } from "./events.ts";

const plan = [
  { id: "a", stage: "s", action: "run" as const, reasons: ["no earlier result"] },
  { id: "b", stage: "s", action: "run" as const, reasons: ["no earlier result"] },
];
const STARTED: RunEvent[] = [
  { time: 1000, type: "run_started", run: "r", recipe: "test", description: "", plan },
  { time: 1000, type: "step_started", step: "a", key: "k", reasons: ["no earlier result"] },
  {
    time: 4000,
    type: "report",
    step: "a",
    total: 100,
    points: [[10, 2000, { loss: 5 }], [20, 4000, { loss: 4, val: 1 }]],
  },
];

Deno.test("events add up to the state", () => {
  const state = foldEvents(STARTED)!;
  const [a, b] = state.steps;
  assert.deepEqual(state.running, ["a"]);
  assert.deepEqual([a.state, a.done, a.total, b.state], ["running", 20, 100, "waiting"]);
  assert.deepEqual(a.metrics, { loss: 4, val: 1 });
  const finished = foldEvents([
    ...STARTED,
    { time: 5000, type: "step_finished", step: "a", outputs: {} },
    { time: 5000, type: "step_skipped", step: "b", key: "k", reasons: ["up to date"] },
    { time: 6000, type: "run_finished", published: ["test/x"] },
  ])!;
  assert.deepEqual(finished.steps.map((step) => step.state), ["finished", "skipped"]);
  assert.deepEqual([finished.state, finished.ended_at, finished.published], [
    "finished",
    6000,
    ["test/x"],
  ]);
});

Deno.test("several steps run at the same time; old logs without tasks are read as before", () => {
  const start = (step: string): RunEvent => {
    return { time: 2000, type: "step_started", step, key: "k", reasons: [] };
  };
  const both = [STARTED[0], start("b"), start("a")];
  const running = (...events: RunEvent[]) => {
    return runningSteps(foldEvents([...both, ...events])!).map(({ id }) => id);
  };
  assert.deepEqual(running(), ["b", "a"]);
  assert.deepEqual(running({ time: 3000, type: "step_finished", step: "b", outputs: {} }), ["a"]);
  assert.deepEqual(running({ time: 3000, type: "step_failed", step: "a", message: "" }), ["b"]);
  const interrupted = foldEvents([...both, { time: 3000, type: "run_interrupted", message: "" }])!;
  assert.deepEqual(interrupted.steps.map(({ state }) => state), ["waiting", "waiting"]);
  assert.deepEqual(interrupted.running, []);
});

Deno.test("an interrupted step waits again; a failed one has failed", () => {
  const interrupted = foldEvents([
    ...STARTED,
    { time: 5000, type: "run_interrupted", message: "stopped" },
  ])!;
  assert.deepEqual([interrupted.state, interrupted.steps[0].state], ["stopped", "waiting"]);
  const failed = foldEvents([
    ...STARTED,
    { time: 5000, type: "step_failed", step: "a", message: "bad" },
    { time: 5000, type: "run_failed", message: "bad" },
  ])!;
  assert.deepEqual([failed.state, failed.steps[0].state, failed.message], [
    "failed",
    "failed",
    "bad",
  ]);
});

Deno.test("time left is computed from the pace between reports", () => {
  const [step] = foldEvents(STARTED)!.steps;
  // 10 steps in 2 s; 80 are left: 16 s from the last report on, 15 s a second later.
  assert.equal(timeLeft(step, 4000), 16);
  assert.equal(timeLeft(step, 5000), 15);
  assert.equal(timeLeft(step, 99000), 0);
  assert.equal(timeLeft({ ...step, total: undefined }, 4000), undefined);
});

Deno.test("a growing log is read incrementally, without partial or broken lines", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const seen: string[] = [];
    const log = new EventLog(folder, (event) => seen.push(event.type), () => 42);
    const path = join(folder, "events.jsonl");
    const reader = new LogReader(path);
    assert.equal(await reader.read(), undefined);
    const { time: _, ...started } = STARTED[0];
    log.emit(started as never);
    assert.equal((await reader.read())!.started_at, 42);
    const line = JSON.stringify({ time: 50, type: "run_failed", message: "é" }) + "\n";
    const bytes = new TextEncoder().encode('{"broken\n' + line);
    Deno.writeFileSync(path, bytes.subarray(0, bytes.length - 4), { append: true });
    assert.equal((await reader.read())!.state, "running");
    Deno.writeFileSync(path, bytes.subarray(bytes.length - 4), { append: true });
    const [first, second] = await Promise.all([reader.read(), reader.read()]);
    assert.deepEqual([first!.state, first!.message], ["failed", "é"]);
    assert.deepEqual(second, first);
    assert.deepEqual(seen, ["run_started"]);
    log.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a pause does not count towards a step's pace, and the clock stops during it", () => {
  const report = (time: number, done: number): RunEvent => {
    return { time, type: "report", step: "a", total: 10, points: [[done, time, {}]] };
  };
  const before: RunEvent[] = [
    { time: 0, type: "run_started", run: "r", recipe: "test", description: "", plan },
    { time: 0, type: "step_started", step: "a", key: "a", reasons: [] },
    report(1000, 1),
    report(3000, 3),
    { time: 3500, type: "run_paused" },
  ];
  const paused = foldEvents(before)!;
  assert.deepEqual([paused.paused, runClock(paused, 60_000)], [true, 3500]);
  // 7 steps at 1 s each, less the half second since the last report.
  assert.equal(timeLeft(paused.steps[0], runClock(paused, 60_000)), 6.5);
  const resume: RunEvent = { time: 63_500, type: "run_resumed" };
  const resumed = foldEvents([...before, resume])!;
  assert.deepEqual([resumed.paused, runClock(resumed, 64_000)], [false, 64_000]);
  assert.equal(timeLeft(resumed.steps[0], 64_000), 6);
  assert.equal(resumed.steps[0].idle_ms, 60_000);
  // It went on to its next report and stood still from there.
  const standing = foldEvents([...before, report(4000, 4)])!;
  assert.equal(timeLeft(standing.steps[0], runClock(standing, 60_000)), 6);
  const later = foldEvents([...before, report(4000, 4), resume])!;
  assert.deepEqual([timeLeft(later.steps[0], 63_500), later.steps[0].idle_ms], [6, 59_500]);
  const next = foldEvents([...before, report(4000, 4), resume, report(64_500, 5)])!;
  assert.equal(timeLeft(next.steps[0], 64_500), 5);
});

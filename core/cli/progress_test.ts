import assert from "node:assert/strict";
import { applyEvent, type RunEvent, type RunState } from "../runner/mod.ts";
import { formatBytes, formatDuration, formatTable } from "./format.ts";
import { Progress, progressLine } from "./progress.ts";

const plan = [{ id: "trunk", stage: "pretrain", action: "run" as const, reasons: ["never run"] }];
const points = (done: number, time: number, loss: number | null) =>
  [[done, time, { loss, tokens_per_second: 10234.4 }]] as const;
const EVENTS: RunEvent[] = [
  { time: 0, type: "run_started", run: "r", recipe: "test", description: "", plan },
  { time: 0, type: "step_started", step: "trunk", key: "k", reasons: ["never run"] },
  { time: 1000, type: "report", step: "trunk", total: 400, points: points(100, 1000, 5) },
  { time: 3000, type: "report", step: "trunk", points: points(200, 3000, 4.2134) },
];

/** Plays events; `time` is what the clock shows at each. */
function play(events: RunEvent[], is_terminal: boolean) {
  const written: string[] = [];
  let now = 0;
  const terminal = {
    is_terminal,
    color: false,
    columns: () => 40,
    write: (text: string) => written.push(text),
  };
  const progress = new Progress(terminal, () => now);
  let state: RunState | undefined;
  for (const event of events) {
    now = event.time;
    state = applyEvent(state, event);
    progress.onEvent(event, state!);
  }
  return { progress, written, state: state! };
}

Deno.test("a line tells step, loss, speed and time left", () => {
  const { progress, state } = play(EVENTS, false);
  progress.close();
  assert.equal(
    progressLine(state.steps[0], 3000),
    "trunk  ██████████░░░░░░░░░░ 200/400  loss 4.213  10,234 tokens/s  4.0 s left",
  );
  const started = play(EVENTS.slice(0, 2), false).state.steps[0];
  assert.equal(progressLine(started, 61_000), "trunk  running for 1:01");
  const diverged: RunEvent = {
    time: 4000,
    type: "report",
    step: "trunk",
    points: points(201, 4000, null),
  };
  assert.match(progressLine(applyEvent(state, diverged)!.steps[0], 4000), /loss is not a number/);
});

Deno.test("without a terminal there is a line every ten seconds", () => {
  const reports = Array.from({ length: 300 }, (_, i): RunEvent => ({
    time: 100 * i,
    type: "report",
    step: "trunk",
    total: 300,
    points: points(i + 1, 100 * i, 4),
  }));
  const { progress, written } = play([...EVENTS.slice(0, 2), ...reports], false);
  progress.close();
  assert.equal(written.length, 3); // the start, after 10 s and after 20 s
  assert.ok(written.every((text) => !text.includes("\x1b")));
});

Deno.test("on a terminal the bar is drawn in place, cut to the window, under log lines", async () => {
  const { progress, written } = play(EVENTS, true);
  await new Promise((resolve) => setTimeout(resolve, 250));
  const drawn = written.length;
  assert.ok(drawn >= 1);
  assert.ok(written.every((text) => text.startsWith("\r\x1b[K") && text.length <= 4 + 39));
  const log: RunEvent = { time: 3100, type: "log", step: "trunk", message: "half way" };
  progress.onEvent(log, applyEvent(play(EVENTS, false).state, log)!);
  assert.deepEqual(written.slice(drawn), ["\r\x1b[K", "trunk: half way\n"]);
  progress.close();
});

const SIDE_BY_SIDE: RunEvent[] = [
  { ...EVENTS[0], plan: [...plan, { ...plan[0], id: "arm" }] } as RunEvent,
  ...EVENTS.slice(1),
  { time: 3000, type: "step_started", step: "arm", key: "l", reasons: ["never run"] },
];

Deno.test("on a terminal each running step has its bar, and all are drawn again in place", async () => {
  const { progress, written, state } = play(SIDE_BY_SIDE, true);
  await new Promise((resolve) => setTimeout(resolve, 350));
  const [first, second] = written;
  const [trunk, arm] = state.steps.map((step) => progressLine(step, 3000));
  assert.equal(first, `\r\x1b[K${trunk.slice(0, 39)}\n\r\x1b[K${arm}`);
  const clear = "\r\x1b[K\x1b[A"; // the last line, then up to the first
  assert.equal(second, clear + first);
  const before = written.length;
  const failed: RunEvent = { time: 3100, type: "step_failed", step: "arm", message: "no data" };
  progress.onEvent(failed, applyEvent(state, failed)!);
  assert.deepEqual(written.slice(before), [
    `${clear}\r\x1b[K`,
    "✗ no data; waiting for trunk\n",
  ]);
  progress.close();
});

Deno.test("more bars than a window may have lines are counted", async () => {
  const ids = Array.from({ length: 11 }, (_, i) => `s${i}`);
  const { progress, written } = play([
    { ...EVENTS[0], plan: ids.map((id) => ({ ...plan[0], id })) } as RunEvent,
    ...ids.map((step): RunEvent => ({ ...EVENTS[1], step } as RunEvent)),
  ], true);
  await new Promise((resolve) => setTimeout(resolve, 250));
  progress.close();
  const lines = written[0].split("\n");
  assert.equal(lines.length, 9);
  assert.equal(lines[8], "\r\x1b[Kand 3 more");
});

Deno.test("without a terminal each running step has a line every ten seconds", () => {
  const reports = Array.from({ length: 150 }, (_, i) =>
    ["trunk", "arm"].map((step): RunEvent => ({
      time: 3000 + 100 * i,
      type: "report",
      step,
      points: points(i + 1, 3000 + 100 * i, 4),
    })));
  const { progress, written } = play([...SIDE_BY_SIDE, ...reports.flat()], false);
  progress.close();
  assert.deepEqual(written.map((line) => line.split(" ").slice(0, 2).join(" ")), [
    "> trunk",
    "> arm",
    "trunk ",
    "arm ",
  ]);
});

Deno.test("durations, sizes and tables", () => {
  assert.deepEqual([0, 3210, 42_000, 3_723_000].map(formatDuration), [
    "0.0 s",
    "3.2 s",
    "0:42",
    "1:02:03",
  ]);
  assert.deepEqual([0, 999, 1500, 2.5e9].map(formatBytes), ["0 B", "999 B", "1.5 kB", "2.5 GB"]);
  assert.equal(
    formatTable(["a", "n"], [["xx", "1"], ["y", "10"]], ["n"]),
    "a    n\nxx   1\ny   10",
  );
});

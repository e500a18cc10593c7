import assert from "node:assert/strict";
import { applyEvent, type RunEvent, type RunState } from "../../runs/mod.ts";
import { formatBytes } from "../../words/mod.ts";
import { formatDuration, formatTable, usesColor } from "../shared/console.ts";
import { planLine, Progress, progressLine, verifiedLine } from "./progress.ts";

const plan = [{
  id: "trunk",
  stage: "pretrain",
  action: "run" as const,
  reasons: ["no earlier result"],
}];
const points = (done: number, time: number, loss: number | null) =>
  [[done, time, { loss, tokens_per_second: 10234.4 }]] as const;
const EVENTS: RunEvent[] = [
  { time: 0, type: "run_started", run: "r", recipe: "test", description: "", plan },
  { time: 0, type: "step_started", step: "trunk", key: "k", reasons: ["no earlier result"] },
  { time: 1000, type: "report", step: "trunk", total: 400, points: points(100, 1000, 5) },
  { time: 3000, type: "report", step: "trunk", points: points(200, 3000, 4.2134) },
];

/** Plays events; `time` is what the clock shows at each. */
function play(events: RunEvent[], is_terminal: boolean) {
  const written: string[] = [];
  let now = 0;
  const columns = { now: 40 };
  const terminal = {
    is_terminal,
    color: false,
    columns: () => columns.now,
    write: (text: string) => written.push(text),
  };
  const progress = new Progress(terminal, () => now);
  let state: RunState | undefined;
  for (const event of events) {
    now = event.time;
    state = applyEvent(state, event);
    progress.onEvent(event, state!);
  }
  return { progress, written, columns, state: state! };
}

Deno.test("how results were verified is one line", () => {
  const line = (results: number, hashed: number, bytes = 0) =>
    verifiedLine({ results, hashed, bytes });
  assert.equal(
    line(12, 1, 3.2e9),
    "verified 12 results: 11 unchanged since they were last verified, 1 hashed (3.2 GB)",
  );
  assert.equal(line(1, 0), "verified 1 result: 1 unchanged since they were last verified");
  assert.equal(line(2, 2, 5e6), "verified 2 results: 2 hashed (5.0 MB)");
});

Deno.test("a line shows step, loss, speed and time left", () => {
  const { progress, state } = play(EVENTS, false);
  progress.close();
  assert.equal(
    progressLine(state.steps[0], 3000),
    "trunk  ██████████░░░░░░░░░░ step 200/400  loss 4.213  10,234 tokens/s  4.0 s left",
  );
  const started = play(EVENTS.slice(0, 2), false).state.steps[0];
  assert.equal(progressLine(started, 61_000), "trunk  running for 1:01");
  const diverged: RunEvent = {
    time: 4000,
    type: "report",
    step: "trunk",
    points: points(201, 4000, null),
  };
  assert.match(progressLine(applyEvent(state, diverged)!.steps[0], 4000), /loss is NaN\/Inf/);
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

/** What a person sees: lines of a window after the control codes that were written to it. */
function screen(written: readonly string[]): string[] {
  const lines = [""];
  let row = 0, column = 0;
  // deno-lint-ignore no-control-regex -- the codes that move the cursor and clear a line
  for (const [code] of written.join("").matchAll(/\x1b\[[KA]|\r|\n|[^\x1b\r\n]+/g)) {
    if (code === "\r") column = 0;
    else if (code === "\n") [row, column] = [row + 1, 0];
    else if (code === "\x1b[A") row--;
    else if (code === "\x1b[K") lines[row] = lines[row].slice(0, column);
    else {
      lines[row] = lines[row].padEnd(column).slice(0, column) + code +
        lines[row].slice(column + code.length);
      column += code.length;
    }
    lines[row] ??= "";
  }
  return lines;
}

const drawn = () => new Promise((resolve) => setTimeout(resolve, 250));

Deno.test("on a terminal plan and bar are drawn in place, cut to the window, under log lines", async () => {
  const { progress, written } = play(EVENTS, true);
  await drawn();
  const bars = [
    "██████████░░░░░░░░░░ 0 of 1 task done  3.0 s",
    "  trunk  ██████████░░░░░░░░░░ step 200/400",
  ];
  assert.deepEqual(screen(written), bars.map((line) => line.slice(0, 39)));
  const log: RunEvent = { time: 3100, type: "log", step: "trunk", message: "half way" };
  progress.onEvent(log, applyEvent(play(EVENTS, false).state, log)!);
  await drawn();
  assert.deepEqual(screen(written), ["trunk: half way", ...bars.map((line) => line.slice(0, 39))]);
  progress.close();
  assert.deepEqual(screen(written).map((line) => line.trimEnd()), ["trunk: half way", "", ""]);
});

Deno.test("a request to stop stays in sight above the bars", async () => {
  const { progress, written } = play(EVENTS, true);
  await drawn();
  progress.stopping("Stopping at the next checkpoint");
  await drawn();
  const lines = screen(written);
  progress.close();
  assert.equal(lines[0], "Stopping at the next checkpoint");
  assert.match(lines[1], /^█+░+ 0 of 1 task done/);
});

Deno.test("lines that a narrower window wrapped are cleared", async () => {
  const { progress, written, columns } = play(EVENTS, true);
  await drawn();
  const before = written.length;
  columns.now = 20; // both lines, of 39 characters, now take two rows
  progress.close();
  assert.equal(written.slice(before).join("").split("\x1b[A").length - 1, 3);
});

Deno.test("nothing is written while nothing changes", async () => {
  const { progress, written } = play(EVENTS, true);
  await drawn();
  const before = written.length;
  await drawn();
  assert.equal(written.length, before);
  progress.close();
});

const SIDE_BY_SIDE: RunEvent[] = [
  { ...EVENTS[0], plan: [...plan, { ...plan[0], id: "arm" }] } as RunEvent,
  ...EVENTS.slice(1),
  { time: 3000, type: "step_started", step: "arm", key: "l", reasons: ["no earlier result"] },
];

Deno.test("each running step has its bar, and the next ones are named", async () => {
  const ids = ["trunk", "arm", "a", "b", "c", "d"];
  const events = [
    { ...EVENTS[0], plan: ids.map((id) => ({ ...plan[0], id })) } as RunEvent,
    ...SIDE_BY_SIDE.slice(1),
  ];
  const { progress, written, state } = play(events, true);
  await drawn();
  const lines = [
    "██░░░░░░░░░░░░░░░░░░ 0 of 6 tasks done  3.0 s",
    ...state.steps.slice(0, 2).map((step) => `  ${progressLine(step, 3000)}`),
    "  next: a, b, c and 1 more",
  ];
  assert.deepEqual(screen(written), lines.map((line) => line.slice(0, 39)));
  const failed: RunEvent = { time: 3100, type: "step_failed", step: "arm", message: "no data" };
  progress.onEvent(failed, applyEvent(state, failed)!);
  assert.equal(screen(written)[0], "✗ no data; waiting for trunk");
  progress.close();
});

Deno.test("bars beyond the height of a window are counted", async () => {
  const ids = Array.from({ length: 11 }, (_, i) => `s${i}`);
  const { progress, written } = play([
    { ...EVENTS[0], plan: ids.map((id) => ({ ...plan[0], id })) } as RunEvent,
    ...ids.map((step): RunEvent => ({ ...EVENTS[1], step } as RunEvent)),
  ], true);
  await drawn();
  const lines = screen(written);
  progress.close();
  assert.deepEqual([lines.length, lines.at(-1)], [10, "  and 3 more"]);
});

Deno.test("pauses and samples are shown", async () => {
  const sample = "about the\nroad";
  const { progress, written } = play([
    ...EVENTS,
    { time: 3000, type: "sample", step: "trunk", done: 200, prompt: "He said", text: sample },
    { time: 3000, type: "run_paused" },
  ], true);
  await drawn();
  const lines = screen(written);
  progress.close();
  assert.equal(lines[0], "trunk, step 200: He said … about the road");
  const paused = play([...EVENTS, { time: 3000, type: "run_paused" }], false);
  paused.progress.close();
  assert.equal(planLine(paused.state, 3000), "0 of 1 task done  3.0 s  paused");
});

Deno.test("colour is for terminals, unless variables say otherwise", () => {
  const uses = (is_terminal: boolean, variables: Record<string, string> = {}) =>
    usesColor(is_terminal, (name) => variables[name]);
  assert.deepEqual([uses(true), uses(false)], [true, false]);
  assert.equal(uses(true, { NO_COLOR: "1" }), false);
  assert.equal(uses(false, { FORCE_COLOR: "1" }), true);
  assert.equal(uses(false, { CLICOLOR_FORCE: "0" }), false);
  assert.equal(uses(true, { FORCE_COLOR: "1", NO_COLOR: "1" }), false);
});

Deno.test("losses of several models are printed as a table when they are measured", () => {
  const metrics = {
    "loss/control/general": 4.8,
    "loss/control/code": 7,
    "loss/mixed/general": 4.9,
  };
  const { progress, written } = play([
    ...EVENTS.slice(0, 2),
    { time: 1000, type: "report", step: "trunk", total: 1, points: [[1, 1000, metrics]] },
    { time: 1000, type: "step_finished", step: "trunk", outputs: {} },
  ], false);
  progress.close();
  assert.equal(
    written.at(-1),
    "  nats/token  general   code\n  control       4.800  7.000\n  mixed         4.900\n",
  );
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

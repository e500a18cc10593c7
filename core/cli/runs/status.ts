/**
 * `deno task status`: the runs of a folder, from another terminal. It reads event logs and needs no server.
 *
 * @module
 */
import {
  type RunFolder,
  type RunIndex,
  runningSteps,
  type RunState,
  type StepState,
} from "../../runs/mod.ts";
import { runTimeLeft } from "../../runner/mod.ts";
import { visibleLine } from "../../stage/mod.ts";
import { finalTable, planLine, progressLine, summarize } from "../run/progress.ts";
import { type Console, ESC, formatDuration, formatTable, style } from "../shared/console.ts";
import { findRun, openRuns, OUT_FLAG, RUN_HELP } from "../shared/inputs.ts";
import { count, defineCommand, mainOf } from "../shared/command.ts";

export const command = defineCommand({
  name: "status",
  summary: "Lists runs, or shows one with its steps",
  args: [{
    name: "RUN",
    help: `${RUN_HELP}; without it, all runs are listed, the newest first`,
    optional: true,
  }],
  flags: {
    watch: { help: "update until the run is over (RUN, or the newest run)" },
    json: { help: "print JSON" },
    limit: count("20", "list at most N runs", 1),
    ...OUT_FLAG,
  },
  examples: ["deno task status", "deno task status latest --watch"],
  notes: "Exit codes with --watch: 0 finished, 1 failed or lost, 130 stopped.",
});

const WATCH_MS = 1000;
const CLEAR_SCREEN = `${ESC}[H${ESC}[2J`;

/** Runs the command; returns the exit code. */
export const main = mainOf(command, async ({ flags, args: [given] }, io) => {
  const { watch, json, limit, out } = flags;
  const name = given ?? (watch ? "latest" : undefined);
  if (name === undefined) return await printRuns(openRuns(out), limit, json, io);
  const { runs, id } = await findRun(name, out);
  if (watch) return await watchRun(runs, id, json, io);
  io.out((await read(runs, id, json, io)).text);
});

async function printRuns(runs: RunFolder, limit: number, json: boolean, io: Console) {
  const states: RunState[] = [];
  for (const id of runs.ids().slice(0, limit)) {
    const state = await runs.get(id);
    if (state) states.push(state);
  }
  if (json) io.out(JSON.stringify({ runs: states.map(summarize) }));
  else io.out(renderRuns(states, Date.now()));
  const more = runs.ids().length - states.length;
  if (more > 0 && !json) io.err(`${more} more; show them with --limit`);
}

async function read(runs: RunFolder, id: string, json: boolean, { terminal: { color } }: Console) {
  const [index, state] = [await runs.index(id), await runs.get(id)];
  if (!state || !index) throw new Error(`the event log of run ${id} is gone`);
  const text = json ? JSON.stringify(summarize(state)) : renderRun(state, index, Date.now(), color);
  return { text, state: state.state };
}

const EXIT_CODES = { finished: 0, failed: 1, lost: 1, stopped: 130, running: 0 } as const;

/** Redraws the screen of a terminal; elsewhere prints what has changed. */
async function watchRun(runs: RunFolder, id: string, json: boolean, io: Console): Promise<number> {
  let before = "";
  for (;;) {
    const { text, state } = await read(runs, id, json, io);
    if (text !== before) io.out(io.terminal.is_terminal && !json ? CLEAR_SCREEN + text : text);
    before = text;
    if (state !== "running") return EXIT_CODES[state];
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}

const LAST_LINES = 10;
const SPARK = "▁▂▃▄▅▆▇█";
const SPARK_CELLS = 40;

/** A line for each run. */
function renderRuns(states: readonly RunState[], now: number): string {
  const rows = states.map((state) => {
    const { id, started_at, ended_at, steps } = state;
    const done = steps.filter(({ state }) => state === "finished" || state === "skipped").length;
    const left = runTimeLeft(state, now);
    const [first] = runningSteps(state);
    const loss = first?.metrics.loss;
    return [
      id,
      state.paused ? "paused" : state.state,
      `${done}/${steps.length}`,
      formatDuration((ended_at ?? now) - started_at),
      left === undefined ? "" : formatDuration(1000 * left),
      first ? first.id : "",
      typeof loss === "number" ? loss.toFixed(3) : "",
    ];
  });
  const heads = ["run", "state", "tasks", "took", "left", "running", "loss"];
  return formatTable(heads, rows, ["tasks", "took", "left", "loss"]);
}

/** One run: its steps, loss curves, error, and the last lines of its log. */
function renderRun(state: RunState, index: RunIndex, now: number, color: boolean): string {
  const { id, description, message } = state;
  const is_over = state.state !== "running";
  const word = state.paused ? "paused" : state.state === "failed" ? "Run failed" : state.state;
  const is_good = state.state === "finished", has_tone = is_over && state.state !== "stopped";
  const colored = style(word, is_good ? "green" : "red", color && has_tone);
  const lines = [
    `${style(id, "bold", color)}: ${colored}${message && is_over ? `, ${message}` : ""}`,
    ...(description ? [description] : []),
    planLine(state, state.ended_at ?? now),
    "",
    finalTable(state),
    ...runningSteps(state).map((step) => progressLine(step, now)),
    ...curves(state.steps, index),
  ];
  const log = index.lines.slice(-LAST_LINES);
  if (log.length > 0) {
    lines.push("", ...log.map(({ task, message }) => `${task ?? "run"}: ${visibleLine(message)}`));
  }
  return lines.join("\n");
}

/** The loss of each step that trained, as a row of blocks. */
function curves(steps: readonly StepState[], index: RunIndex): string[] {
  const rows = steps.flatMap(({ id }) => {
    const [series] = index.series.select({ tasks: [id], names: ["loss"] });
    const values = series ? Array.from(series.values).filter(Number.isFinite) : [];
    return values.length < 2 ? [] : [[id, sparkline(values), last(values)]];
  });
  return rows.length === 0 ? [] : ["", formatTable(["step", "loss", ""], rows)];
}

const last = (values: readonly number[]) => values.at(-1)!.toFixed(3);

/** Means of equal intervals as blocks of eight heights. */
export function sparkline(values: readonly number[]): string {
  const cells = Math.min(SPARK_CELLS, values.length);
  const means = Array.from({ length: cells }, (_, i) => {
    const part = values.slice(
      Math.floor(i * values.length / cells),
      Math.floor((i + 1) * values.length / cells),
    );
    return part.reduce((a, b) => a + b) / part.length;
  });
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const level = (mean: number) => high > low ? Math.round(7 * (mean - low) / (high - low)) : 0;
  return means.map((mean) => SPARK[level(mean)]).join("");
}

if (import.meta.main) Deno.exit(await main(Deno.args));

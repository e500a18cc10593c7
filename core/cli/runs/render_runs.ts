/**
 * Runs as text: a list of them, and one with its steps.
 *
 * @module
 */
import { type RunIndex, runningSteps, type RunState, type StepState } from "../../runs/mod.ts";
import { runTimeLeft } from "../../runner/mod.ts";
import { finalTable } from "../run/final_table.ts";
import { formatDuration, formatTable, style } from "../shared/format.ts";
import { planLine, progressLine } from "../run/progress.ts";

const LAST_LINES = 10;
const SPARK = "▁▂▃▄▅▆▇█";
const SPARK_CELLS = 40;

/** A line for each run. */
export function renderRuns(states: readonly RunState[], now: number): string {
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
  const heads = ["run", "state", "steps", "took", "left", "running", "loss"];
  return formatTable(heads, rows, ["steps", "took", "left", "loss"]);
}

/** One run: steps, curves of the loss, what went wrong, and the last lines of its log. */
export function renderRun(state: RunState, index: RunIndex, now: number, color: boolean): string {
  const { id, description, message } = state;
  const is_over = state.state !== "running";
  const tone = { finished: "green", failed: "red", lost: "red" } as const;
  const word = state.paused ? "paused" : state.state;
  const colored = state.state in tone
    ? style(word, tone[state.state as keyof typeof tone], color)
    : word;
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
    lines.push("", ...log.map(({ task, message }) => `${task ?? "run"}: ${message}`));
  }
  return lines.join("\n");
}

/** The loss of each step that trained, as a row of blocks from its highest to its lowest. */
function curves(steps: readonly StepState[], index: RunIndex): string[] {
  const rows = steps.flatMap(({ id }) => {
    const [series] = index.series.select({ tasks: [id], names: ["loss"] });
    const values = series ? Array.from(series.values).filter(Number.isFinite) : [];
    return values.length < 2 ? [] : [[id, sparkline(values), last(values)]];
  });
  return rows.length === 0 ? [] : ["", formatTable(["step", "loss", ""], rows)];
}

const last = (values: readonly number[]) => values.at(-1)!.toFixed(3);

/** Means of equal stretches as blocks of eight heights. */
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

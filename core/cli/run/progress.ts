/**
 * Progress of a run: a line for the whole plan, a bar per running step, a line per finished one. On a terminal the bars
 * are redrawn in place; elsewhere each running step gets a line from time to time. Steps of the recipe are called tasks
 * here, since a training step counts optimizer steps. At the end comes a table of what the run did.
 *
 * @module
 */
import {
  runClock,
  type RunEvent,
  runningSteps,
  type RunState,
  type StepState,
  timeLeft,
} from "../../runs/mod.ts";
import type { Verification } from "../../store/mod.ts";
import { runTimeLeft } from "../../runner/mod.ts";
import { visibleLine } from "../../stage/mod.ts";
import { formatDuration, formatTable, paint, style, type Terminal } from "../shared/console.ts";
import { counted, formatBytes, formatNumber } from "../../words/mod.ts";

const REDRAW_MS = 100;
/** Interval between the lines of a step without a terminal, by the age of the run. */
const LINE_EVERY_MS = [[0, 10_000], [120_000, 30_000], [600_000, 60_000]] as const;
const BAR_CELLS = 20;
/** Lines that have scrolled out of a window cannot be redrawn. */
const MAX_BARS = 8;
/** Steps named as the next ones. */
const MAX_NEXT = 3;
/** Characters shown of a generated sample. */
const SAMPLE_LETTERS = 120;
const CLEAR_LINE = "\r\x1b[K";
const LINE_ABOVE = "\x1b[A";

/** How results were verified, in one line. */
export function verifiedLine({ results, hashed, bytes }: Verification): string {
  const parts = [
    ...(hashed < results ? [`${results - hashed} unchanged since they were last verified`] : []),
    ...(hashed > 0 ? [`${hashed} hashed (${formatBytes(bytes)})`] : []),
  ];
  return `verified ${counted(results, "result")}: ${parts.join(", ")}`;
}

/** Follows a run's events. Give `onEvent` to the runner, and call `close` at the end. */
export class Progress {
  #state: RunState | undefined;
  /** Characters of the lines on the terminal that are redrawn; the cursor is at the end of the last. */
  #drawn: readonly number[] = [];
  #text = "";
  /** Set once the run was asked to stop. */
  #stopping: string | undefined;
  /** When each step last had a line. */
  readonly #last_lines = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly terminal: Terminal, private readonly now: () => number = Date.now) {
    if (terminal.is_terminal) this.#timer = setInterval(() => this.#redraw(), REDRAW_MS);
  }

  onEvent = (event: RunEvent, state: RunState): void => {
    this.#state = state;
    if (event.type === "run_started" && event.verification?.results) {
      this.#print(verifiedLine(event.verification));
    }
    const step = "step" in event ? state.steps.find(({ id }) => id === event.step) : undefined;
    if (!step) return;
    if (event.type === "step_started") {
      this.#last_lines.set(step.id, this.now());
      if (!this.terminal.is_terminal) {
        this.#print(`> ${step.id}  running (${step.reasons.join(", ")})`);
      }
    }
    if (event.type === "log") this.#print(`${step.id}: ${visibleLine(event.message)}`);
    if (event.type === "sample") this.#print(style(sampleLine(event), "dim", this.terminal.color));
    if (event.type === "step_skipped") this.#print(this.#mark("-", "dim", skippedLine(step)));
    if (event.type === "step_finished") {
      this.#print(this.#mark("✓", "green", finishedLine(step)));
      const losses = lossTable(step);
      if (losses) this.#print(losses);
    }
    if (event.type === "step_failed") this.#print(this.#mark("✗", "red", this.#failedLine(event)));
    if (event.type === "report" && !this.terminal.is_terminal) this.#maybeLine(step);
  };

  /** The run was asked to stop: says how, and keeps it in sight until the end. */
  stopping(how: string): void {
    this.#stopping = how;
    this.#print(how);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  /** The command ends with the first error; what it prints too late, or not at all, is printed here. */
  #failedLine({ step, message }: RunEvent & { type: "step_failed" }): string {
    const { running, steps } = this.#state!;
    if (running.length > 0) return `${message}; waiting for ${running.join(", ")}`;
    return steps.some(({ state, id }) => state === "failed" && id !== step) ? message : step;
  }

  #maybeLine(step: StepState): void {
    const now = this.now(), past = now - this.#state!.started_at;
    const every = LINE_EVERY_MS.findLast(([from]) => past >= from)?.[1] ?? LINE_EVERY_MS[0][1];
    if (now - this.#last_lines.get(step.id)! < every) return;
    this.#last_lines.set(step.id, now);
    const state = this.#state!;
    const task = `task ${state.steps.indexOf(step) + 1} of ${state.steps.length}`;
    const plan = state.steps.length > 1 ? `  (${task}  ${planTimes(state, now)})` : "";
    this.#print(progressLine(step, now) + plan);
  }

  #redraw(): void {
    const state = this.#state, running = state ? runningSteps(state) : [];
    if (!state || running.length === 0) return;
    const now = runClock(state, this.now());
    const lines = [
      `${bar(doneShare(state))} ${planLine(state, this.now())}${
        this.#stopping ? "  stopping" : ""
      }`,
      ...running.slice(0, MAX_BARS).map((step) => `  ${progressLine(step, now)}`),
      ...(running.length > MAX_BARS ? [`  and ${running.length - MAX_BARS} more`] : []),
      ...nextLine(state),
    ];
    // A line that wraps takes two, of which only one would be cleared.
    const width = Math.max(1, this.terminal.columns() - 1);
    const shown = lines.map((line) => visibleLine(line).slice(0, width));
    const text = shown.map((line) => CLEAR_LINE + line).join("\n");
    if (this.#drawn.length > 0 && text === this.#text) return;
    this.#text = text;
    this.terminal.write(this.#clear() + text);
    this.#drawn = shown.map(({ length }) => length);
  }

  #print(line: string): void {
    this.#erase();
    this.terminal.write(paint(line) + "\n");
  }

  #erase(): void {
    if (this.#drawn.length > 0) this.terminal.write(this.#clear() + CLEAR_LINE);
    this.#drawn = [];
  }

  /** Clears all drawn lines but the first row, and leaves the cursor there. */
  #clear(): string {
    // A window that has become narrower wraps the lines that were drawn in it.
    const columns = Math.max(1, this.terminal.columns());
    const rows = this.#drawn.reduce(
      (sum, length) => sum + Math.max(1, Math.ceil(length / columns)),
      0,
    );
    return (CLEAR_LINE + LINE_ABOVE).repeat(Math.max(0, rows - 1));
  }

  #mark(sign: string, color: "green" | "red" | "dim", text: string): string {
    return `${style(sign, color, this.terminal.color)} ${text}`;
  }
}

/** Share of the plan that is done; a running step counts by its share. */
function doneShare({ steps }: RunState): number {
  const share = ({ state, done, total }: StepState) =>
    isDone(state) ? 1 : state === "running" && done && total ? Math.min(1, done / total) : 0;
  return steps.reduce((sum, step) => sum + share(step), 0) / steps.length;
}

const isDone = (state: StepState["state"]) => state === "finished" || state === "skipped";

/** "4 of 10 tasks done  2:13  3:05 left", or that the run is paused. */
export function planLine(state: RunState, now: number): string {
  const done = state.steps.filter((step) => isDone(step.state)).length;
  return `${done} of ${counted(state.steps.length, "task")} done  ${planTimes(state, now)}`;
}

function planTimes(state: RunState, now: number): string {
  const left = runTimeLeft(state, now);
  return [
    formatDuration(now - state.started_at),
    ...(left === undefined ? [] : [`${formatDuration(1000 * left)} left`]),
    ...(state.paused ? ["paused"] : []),
  ].join("  ");
}

/** The tasks that come next. */
function nextLine({ steps }: RunState): string[] {
  const waiting = steps.filter(({ state }) => state === "waiting").map(({ id }) => id);
  if (waiting.length === 0) return [];
  const more = waiting.length - MAX_NEXT;
  return [`  next: ${waiting.slice(0, MAX_NEXT).join(", ")}${more > 0 ? ` and ${more} more` : ""}`];
}

/** "trunk, step 120: The President said that … of the people" on one line. */
function sampleLine({ step, done, prompt, text }: RunEvent & { type: "sample" }): string {
  const line = `${prompt} … ${text}`.replace(/\s+/g, " ");
  const letters = Array.from(line);
  const cut = letters.length > SAMPLE_LETTERS
    ? `${letters.slice(0, SAMPLE_LETTERS - 1).join("")}…`
    : line;
  return `${step}, step ${formatNumber(done)}: ${cut}`;
}

/** "trunk  ██████░░░░ step 120/400  loss 4.213  10,200 tokens/s  0:42 left". */
export function progressLine(step: StepState, now: number): string {
  const { done, total, metrics, job } = step;
  const parts = [step.id];
  // Only training reports a loss; other stages count documents, batches and the like.
  const unit = "loss" in metrics ? "step " : "";
  if (job?.state === "waiting") parts.push(`waiting as ${job.launcher} ${job.id}: ${job.detail}`);
  else if (done === undefined) parts.push(`running for ${formatDuration(now - step.started_at!)}`);
  else if (total === undefined) parts.push(`${unit}${formatNumber(done)}`);
  else parts.push(`${bar(done / total)} ${unit}${formatNumber(done)}/${formatNumber(total)}`);
  if (typeof metrics.loss === "number") parts.push(`loss ${metrics.loss.toFixed(3)}`);
  else if (metrics.loss === null) parts.push("loss is NaN/Inf");
  const speed = metrics.tokens_per_second;
  if (typeof speed === "number") parts.push(`${formatNumber(Math.round(speed))} tokens/s`);
  const seconds = timeLeft(step, now);
  if (seconds !== undefined) parts.push(`${formatDuration(seconds * 1000)} left`);
  return parts.join("  ");
}

function bar(fraction: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_CELLS);
  return "█".repeat(full) + "░".repeat(BAR_CELLS - full);
}

/** "trunk  0:42  loss 4.213  10,200 tokens/s", the mean speed. */
function finishedLine({ id, started_at, ended_at, metrics }: StepState): string {
  const { loss, mean_tokens_per_second: speed } = metrics;
  const parts = [id, formatDuration(ended_at! - started_at!)];
  if (typeof loss === "number") parts.push(`loss ${loss.toFixed(3)}`);
  if (typeof speed === "number") parts.push(`${formatNumber(Math.round(speed))} tokens/s`);
  return parts.join("  ");
}

/** Models of a table of losses; a study has hundreds. */
const MAX_MODELS = 12;

/** Losses of several models on several sources, which a stage reports as metrics "loss/MODEL/SOURCE". */
function lossTable({ id, metrics }: StepState): string | undefined {
  const cells = Object.entries(metrics).flatMap(([name, value]) => {
    const [, model, source] = /^loss\/([^/]+)\/(.+)$/.exec(name) ?? [];
    return model === undefined ? [] : [{ model, source, value }];
  });
  if (cells.length === 0) return undefined;
  const sources = [...new Set(cells.map(({ source }) => source))];
  const models = [...Map.groupBy(cells, ({ model }) => model)];
  const rows = models.slice(0, MAX_MODELS).map(([model, row]) => [
    `  ${model}`,
    ...sources.map((source) => row.find((cell) => cell.source === source)?.value?.toFixed(3) ?? ""),
  ]);
  const more = models.length - MAX_MODELS;
  const lines = [formatTable(["  nats/token", ...sources], rows, sources)];
  if (more > 0) lines.push(`  and ${counted(more, "more model")}: deno task show ${id}`);
  return lines.join("\n");
}

const skippedLine = ({ id, reasons }: StepState) => `${id}  Skipped: ${reasons.join(", ")}`;

/** What a run did or is doing, as JSON. Seconds are null until the end. */
export function summarize(state: RunState) {
  const { id: run, recipe, message = null, published, started_at, ended_at } = state;
  return {
    ...{ type: "summary", run, recipe, state: state.state, message },
    seconds: ended_at === undefined ? null : (ended_at - started_at) / 1000,
    steps: state.steps.map(summarizeStep),
    published,
  };
}

function summarizeStep({ id, ...step }: StepState) {
  const { stage, state, reasons, started_at, ended_at, metrics, outputs = {} } = step;
  const ended = state === "finished" && started_at !== undefined && ended_at !== undefined;
  const bytes_written = Object.values(outputs).reduce((sum, { bytes }) => sum + bytes, 0);
  const seconds = ended ? (ended_at - started_at) / 1000 : null;
  return { step: id, stage, state, reasons, seconds, bytes_written, metrics };
}

/** State of a step, or of its job at a launcher. */
function stateOf({ state, job }: StepState): string {
  if (!job || job.state === "ended" || state === "skipped") return state;
  return `${job.launcher} ${job.id}: ${job.detail ?? job.state}`;
}

/** The table at the end of a run. */
export function finalTable(state: RunState): string {
  const rows = state.steps.map((step) => {
    const { seconds, bytes_written, metrics } = summarizeStep(step);
    const { loss, mean_tokens_per_second: speed = metrics.tokens_per_second } = metrics;
    return [
      step.id,
      step.stage,
      seconds === null ? stateOf(step) : formatDuration(1000 * seconds),
      typeof loss === "number" ? loss.toFixed(3) : "",
      typeof speed === "number" ? formatNumber(Math.round(speed)) : "",
      bytes_written > 0 ? formatBytes(bytes_written) : "",
    ];
  });
  const { started_at, ended_at } = state;
  const total = ended_at === undefined ? "" : formatDuration(ended_at - started_at);
  const heads = ["step", "stage", "time", "loss", "tokens/s", "written"];
  return formatTable(heads, [...rows, ["total", "", total, "", "", ""]], heads.slice(2));
}

/**
 * Progress in the terminal: a bar per running step, a line per finished one. On a terminal the bar is drawn
 * again in place; elsewhere a line is written every ten seconds.
 *
 * @module
 */
import { type RunEvent, type RunState, type StepState, timeLeft } from "../runner/mod.ts";
import { formatDuration, formatNumber, style } from "./format.ts";

/** Where progress is written. */
export interface Terminal {
  readonly is_terminal: boolean;
  readonly color: boolean;
  /** Columns; read on each redraw, since windows change. */
  columns(): number;
  write(text: string): void;
}

const REDRAW_MS = 100;
const LINE_EVERY_MS = 10_000;
const BAR_CELLS = 20;
const CLEAR_LINE = "\r\x1b[K";

/** Follows a run's events. Give `onEvent` to the runner, and call `close` at the end. */
export class Progress {
  #state: RunState | undefined;
  #drawn = false;
  #last_line = 0;
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly terminal: Terminal, private readonly now: () => number = Date.now) {
    if (terminal.is_terminal) this.#timer = setInterval(() => this.#redraw(), REDRAW_MS);
  }

  onEvent = (event: RunEvent, state: RunState): void => {
    this.#state = state;
    const step = "step" in event ? state.steps.find(({ id }) => id === event.step) : undefined;
    if (!step) return;
    if (event.type === "step_started") {
      this.#last_line = this.now();
      if (!this.terminal.is_terminal) this.#print(`> ${step.id}  runs: ${step.reasons.join(", ")}`);
    }
    if (event.type === "log") this.#print(`${step.id}: ${event.message}`);
    if (event.type === "step_skipped") this.#print(this.#mark("-", "dim", skippedLine(step)));
    if (event.type === "step_finished") this.#print(this.#mark("✓", "green", finishedLine(step)));
    if (event.type === "step_failed") this.#print(this.#mark("✗", "red", step.id));
    if (event.type === "report" && !this.terminal.is_terminal) this.#maybeLine(step);
  };

  close(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  #maybeLine(step: StepState): void {
    const now = this.now();
    if (now - this.#last_line < LINE_EVERY_MS) return;
    this.#last_line = now;
    this.#print(progressLine(step, now));
  }

  #redraw(): void {
    const step = this.#state?.steps.find(({ id }) => id === this.#state!.current);
    if (!step) return;
    const line = progressLine(step, this.now()).slice(0, Math.max(1, this.terminal.columns() - 1));
    this.terminal.write(CLEAR_LINE + line);
    this.#drawn = true;
  }

  #print(line: string): void {
    this.#erase();
    this.terminal.write(line + "\n");
  }

  #erase(): void {
    if (this.#drawn) this.terminal.write(CLEAR_LINE);
    this.#drawn = false;
  }

  #mark(sign: string, color: "green" | "red" | "dim", text: string): string {
    return `${style(sign, color, this.terminal.color)} ${text}`;
  }
}

/** "trunk  [██████░░░░] 120/400  loss 4.213  10,200 tokens/s  0:42 left". */
export function progressLine(step: StepState, now: number): string {
  const { done, total, metrics } = step;
  const parts = [step.id];
  if (done === undefined) parts.push(`running for ${formatDuration(now - step.started_at!)}`);
  else if (total === undefined) parts.push(`step ${formatNumber(done)}`);
  else parts.push(`${bar(done / total)} ${formatNumber(done)}/${formatNumber(total)}`);
  if (typeof metrics.loss === "number") parts.push(`loss ${metrics.loss.toFixed(3)}`);
  else if (metrics.loss === null) parts.push("loss is not a number");
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

function finishedLine(step: StepState): string {
  const loss = step.metrics.loss;
  const last = typeof loss === "number" ? `  loss ${loss.toFixed(3)}` : "";
  return `${step.id}  ${formatDuration(step.ended_at! - step.started_at!)}${last}`;
}

function skippedLine(step: StepState): string {
  return `${step.id}  skipped: ${step.reasons.join(", ")}`;
}

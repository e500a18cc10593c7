/**
 * Progress in the terminal: a bar per running step, a line per finished one. On a terminal the bars are drawn
 * again in place; elsewhere a line is written for each every ten seconds.
 *
 * @module
 */
import {
  type RunEvent,
  runningSteps,
  type RunState,
  type StepState,
  timeLeft,
} from "../runner/mod.ts";
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
/** A window may have few lines, and what has left it at the top cannot be drawn again. */
const MAX_BARS = 8;
const CLEAR_LINE = "\r\x1b[K";
const LINE_ABOVE = "\x1b[A";

/** Follows a run's events. Give `onEvent` to the runner, and call `close` at the end. */
export class Progress {
  #state: RunState | undefined;
  /** Lines that stand on the terminal and are to be drawn again; the cursor is on the last. */
  #drawn = 0;
  /** When each step last had a line. */
  readonly #last_lines = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly terminal: Terminal, private readonly now: () => number = Date.now) {
    if (terminal.is_terminal) this.#timer = setInterval(() => this.#redraw(), REDRAW_MS);
  }

  onEvent = (event: RunEvent, state: RunState): void => {
    this.#state = state;
    const step = "step" in event ? state.steps.find(({ id }) => id === event.step) : undefined;
    if (!step) return;
    if (event.type === "step_started") {
      this.#last_lines.set(step.id, this.now());
      if (!this.terminal.is_terminal) this.#print(`> ${step.id}  runs: ${step.reasons.join(", ")}`);
    }
    if (event.type === "log") this.#print(`${step.id}: ${event.message}`);
    if (event.type === "step_skipped") this.#print(this.#mark("-", "dim", skippedLine(step)));
    if (event.type === "step_finished") this.#print(this.#mark("✓", "green", finishedLine(step)));
    if (event.type === "step_failed") this.#print(this.#mark("✗", "red", this.#failedLine(event)));
    if (event.type === "report" && !this.terminal.is_terminal) this.#maybeLine(step);
  };

  close(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  /** The end of the run tells of the first failure; what it tells too late, or not at all, is told here. */
  #failedLine({ step, message }: RunEvent & { type: "step_failed" }): string {
    const { running, steps } = this.#state!;
    if (running.length > 0) return `${message}; waiting for ${running.join(", ")}`;
    return steps.some(({ state, id }) => state === "failed" && id !== step) ? message : step;
  }

  #maybeLine(step: StepState): void {
    const now = this.now();
    if (now - this.#last_lines.get(step.id)! < LINE_EVERY_MS) return;
    this.#last_lines.set(step.id, now);
    this.#print(progressLine(step, now));
  }

  #redraw(): void {
    const running = this.#state ? runningSteps(this.#state) : [];
    if (running.length === 0) return;
    const lines = running.slice(0, MAX_BARS).map((step) => progressLine(step, this.now()));
    if (running.length > MAX_BARS) lines.push(`and ${running.length - MAX_BARS} more`);
    // A line that wraps would take two, of which one is cleared.
    const width = Math.max(1, this.terminal.columns() - 1);
    const text = lines.map((line) => CLEAR_LINE + line.slice(0, width)).join("\n");
    this.terminal.write(this.#clear() + text);
    this.#drawn = lines.length;
  }

  #print(line: string): void {
    this.#erase();
    this.terminal.write(line + "\n");
  }

  #erase(): void {
    if (this.#drawn > 0) this.terminal.write(this.#clear() + CLEAR_LINE);
    this.#drawn = 0;
  }

  /** Clears all lines drawn but the first, where it leaves the cursor. */
  #clear(): string {
    return (CLEAR_LINE + LINE_ABOVE).repeat(Math.max(0, this.#drawn - 1));
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

/**
 * What a run did, step by step: a table, and the same as JSON.
 *
 * @module
 */
import type { RunState, StepState } from "../../runs/mod.ts";
import { formatBytes, formatDuration, formatNumber, formatTable } from "../shared/console.ts";

/** What one step did. */
export interface StepSummary {
  readonly step: string;
  readonly stage: string;
  readonly state: StepState["state"];
  readonly reasons: readonly string[];
  /** Null where it did not finish. */
  readonly seconds: number | null;
  readonly bytes_written: number;
  /** The newest value of each metric; null: not a finite number. */
  readonly metrics: Readonly<Record<string, number | null>>;
}

/** What a run did. */
export interface RunSummary {
  readonly type: "summary";
  readonly run: string;
  readonly recipe: string;
  readonly state: RunState["state"];
  readonly message: string | null;
  readonly seconds: number | null;
  readonly steps: readonly StepSummary[];
  /** Paths below the output folder. */
  readonly published: readonly string[];
}

/** The current state of a run. */
export function summarize(state: RunState): RunSummary {
  const { id: run, recipe, message = null, published, started_at, ended_at } = state;
  return {
    ...{ type: "summary", run, recipe, state: state.state, message },
    seconds: ended_at === undefined ? null : (ended_at - started_at) / 1000,
    steps: state.steps.map(summarizeStep),
    published,
  };
}

function summarizeStep({ id, ...step }: StepState): StepSummary {
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
    const { loss, tokens_per_second: speed } = metrics;
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

/**
 * The events of a run, and the state they add up to, which terminal, status server and commands all read.
 *
 * Times are Unix milliseconds. Only event logs have times, never artifacts.
 *
 * @module
 */
import type { Verification } from "../store/mod.ts";
import type {
  Budget,
  JobInfo,
  PlannedStep,
  PlannedTask,
  StageInfo,
  StepInfo,
  Task,
} from "./plan_info.ts";

/** One call of `ctx.report`: progress, time, and metrics (null: not a finite number). */
export type Point = readonly [
  done: number,
  time: number,
  metrics: Readonly<Record<string, number | null>>,
];

/** What happens in a run, as logged: one JSON object per line. */
export type RunEvent = { readonly time: number } & RunEventBody;

export type RunEventBody =
  | {
    type: "run_started";
    run: string;
    recipe: string;
    description: string;
    /** What steps may use together. Old logs may lack it, and the tasks. */
    budget?: Budget;
    /** How the results that it relies on were verified. Old logs may lack it. */
    verification?: Verification;
    plan: (PlannedStep & Partial<PlannedTask> & Partial<StepInfo>)[];
    /** The stages of its steps, each once. Old logs may lack them. */
    stages?: readonly StageInfo[];
  }
  | { type: "step_started"; step: string; key: string; reasons: readonly string[] }
  | { type: "step_skipped"; step: string; key: string; reasons: readonly string[] }
  /** State of a step that another process or machine computes. */
  | { type: "step_job"; step: string; job: JobInfo }
  | { type: "report"; step: string; total?: number; points: readonly Point[] }
  | { type: "log"; step: string; message: string }
  /** Text that the model generated from a prompt after `done` steps. */
  | { type: "sample"; step: string; done: number; prompt: string; text: string }
  | { type: "step_finished"; step: string; outputs: Record<string, OutputSummary> }
  | { type: "step_failed"; step: string; message: string; stack?: string }
  /** Running steps wait, and no other starts, until the run is resumed. */
  | { type: "run_paused" }
  | { type: "run_resumed" }
  | { type: "run_finished"; published: readonly string[] }
  | { type: "run_failed"; message: string }
  | { type: "run_interrupted"; message: string };

export interface OutputSummary {
  kind: "table" | "files";
  digest: string;
  rows: number;
  bytes: number;
}

export interface StepState {
  readonly id: string;
  readonly stage: string;
  readonly state: "waiting" | "running" | "finished" | "skipped" | "failed";
  readonly reasons: readonly string[];
  readonly started_at?: number;
  readonly ended_at?: number;
  /** Progress as reported; `total` is undefined until the stage reports it. */
  readonly done?: number;
  readonly total?: number;
  /** The newest value of each metric. */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** Milliseconds it spent in pauses that are over. */
  readonly idle_ms?: number;
  /** First and last report, for the time left; shifted by the pauses after them. */
  readonly first?: { readonly done: number; readonly time: number };
  readonly last?: { readonly done: number; readonly time: number };
  readonly outputs?: Readonly<Record<string, OutputSummary>>;
  /** Its job, where a launcher runs it. */
  readonly job?: JobInfo;
  /** The resources it needs. */
  readonly task?: Task;
  /** Seconds it took when it last ran with this config. */
  readonly past_seconds?: number;
  /** Config, seed and inputs; unknown in old logs. */
  readonly info?: StepInfo;
}

export interface RunState {
  readonly id: string;
  readonly recipe: string;
  readonly description: string;
  /** "lost": the process ended without writing how. Set by readers that know that no runner is alive. */
  readonly state: "running" | "finished" | "failed" | "stopped" | "lost";
  readonly started_at: number;
  readonly ended_at?: number;
  /** Whether it is paused; only a running run can be. */
  readonly paused: boolean;
  /** When it was paused, if it is. */
  readonly paused_at?: number;
  /** Ids of the running steps, in the order in which they started. */
  readonly running: readonly string[];
  /** What steps may use together. */
  readonly budget?: Budget;
  readonly steps: readonly StepState[];
  /** The stages of its steps, each once. */
  readonly stages: readonly StageInfo[];
  readonly message?: string;
  /** Paths of published files, below the output folder. */
  readonly published: readonly string[];
}

/**
 * Applies one event to the state of a run.
 *
 * @param state undefined before `run_started`; events before it are ignored.
 */
export function applyEvent(state: RunState | undefined, event: RunEvent): RunState | undefined {
  if (event.type === "run_started") return start(event);
  if (!state) return undefined;
  switch (event.type) {
    case "step_started": {
      const { step, time, reasons } = event;
      const running = { state: "running", started_at: time, reasons } as const;
      return { ...withStep(state, step, running), running: [...state.running, step] };
    }
    case "step_skipped":
      return withStep(state, event.step, { state: "skipped", reasons: event.reasons });
    case "step_job":
      return withStep(state, event.step, { job: event.job });
    case "report":
      return withStep(state, event.step, (step) => applyReport(step, event.points, event.total));
    case "step_finished":
      return endStep(state, event, { state: "finished", outputs: event.outputs });
    case "step_failed":
      return endStep(state, event, { state: "failed" });
    case "run_paused":
      return state.paused ? state : { ...state, paused: true, paused_at: event.time };
    case "run_resumed":
      return resume(state, event.time);
    case "run_finished":
      return { ...end(state, "finished", event.time), published: event.published };
    case "run_failed":
      return { ...end(state, "failed", event.time), message: event.message };
    case "run_interrupted":
      return { ...end(state, "stopped", event.time), message: event.message };
    default:
      return state;
  }
}

function resume(state: RunState, time: number): RunState {
  const { paused_at } = state;
  if (paused_at === undefined) return state;
  const steps = state.steps.map((step) => {
    return step.state === "running" ? withPause(step, paused_at, time) : step;
  });
  return { ...state, steps, paused: false, paused_at: undefined };
}

/** Pauses do not count towards a step's pace. A step runs on after the pause is requested until its next report. */
function withPause(step: StepState, paused_at: number, resumed_at: number): StepState {
  const stopped_at = Math.max(paused_at, step.started_at!, step.last?.time ?? 0);
  const idle = Math.max(0, resumed_at - stopped_at);
  const later = (at: StepState["first"]) => at && { ...at, time: at.time + idle };
  const idle_ms = (step.idle_ms ?? 0) + idle;
  return { ...step, first: later(step.first), last: later(step.last), idle_ms };
}

/** The time (Unix milliseconds) that time left is computed for: the clock stops while a run is paused. */
export function runClock({ paused_at }: RunState, now: number): number {
  return paused_at ?? now;
}

function endStep(
  state: RunState,
  { step, time }: { readonly step: string; readonly time: number },
  change: Partial<StepState>,
): RunState {
  const running = state.running.filter((id) => id !== step);
  return { ...withStep(state, step, { ...change, ended_at: time }), running };
}

/** The running steps, in the order in which they started. */
export function runningSteps({ running, steps }: RunState): StepState[] {
  return running.map((id) => steps.find((step) => step.id === id)!);
}

/** The state after all events of a log. */
export function foldEvents(events: Iterable<RunEvent>): RunState | undefined {
  let state: RunState | undefined;
  for (const event of events) state = applyEvent(state, event);
  return state;
}

/**
 * Seconds until a step is done, from its mean speed between first and last report; undefined while unknown.
 *
 * @param now Unix milliseconds.
 */
export function timeLeft(step: StepState, now: number): number | undefined {
  const { first, last, total, state } = step;
  if (state !== "running" || !first || !last || total === undefined || last.done <= first.done) {
    return undefined;
  }
  // ms per step × steps to go, less what has passed since the last report.
  const pace = (last.time - first.time) / (last.done - first.done);
  const since = Math.max(0, now - last.time);
  return Math.max(0, pace * (total - last.done) - since) / 1000;
}

function start(event: RunEvent & { type: "run_started" }): RunState {
  const steps = event.plan.map((planned): StepState => {
    const { id, stage, reasons, task, past_seconds, config, seed, inputs } = planned;
    const info = config === undefined ? undefined : { config, seed: seed!, inputs: inputs! };
    return { id, stage, reasons, task, past_seconds, info, state: "waiting", metrics: {} };
  });
  const { run: id, recipe, description, budget, time, stages = [] } = event;
  const rest = { steps, stages, budget, paused: false, running: [], published: [] };
  return { id, recipe, description, state: "running", started_at: time, ...rest };
}

function end(state: RunState, how: RunState["state"], time: number): RunState {
  // A step that was interrupted goes back to waiting: the next run resumes it.
  const steps = state.steps.map((step): StepState =>
    step.state === "running" ? { ...step, state: "waiting", ended_at: time } : step
  );
  const rest = { paused: false, paused_at: undefined, running: [], steps };
  return { ...state, state: how, ended_at: time, ...rest };
}

function withStep(
  state: RunState,
  id: string,
  change: Partial<StepState> | ((step: StepState) => StepState),
): RunState {
  const steps = state.steps.map((step) => {
    if (step.id !== id) return step;
    return typeof change === "function" ? change(step) : { ...step, ...change };
  });
  return { ...state, steps };
}

function applyReport(step: StepState, points: readonly Point[], total?: number): StepState {
  if (points.length === 0) return step;
  const [first_done, first_time] = points[0];
  const [done, time] = points[points.length - 1];
  const metrics = Object.assign({}, step.metrics, ...points.map((point) => point[2]));
  return {
    ...step,
    done,
    total: total ?? step.total,
    metrics,
    first: step.first ?? { done: first_done, time: first_time },
    last: { done, time },
  };
}

/**
 * The planner, and the runner that executes a plan.
 *
 * @module
 */
export { machineBudget, type PlannedTask } from "./resources.ts";
export {
  type Executor,
  inlineExecutor,
  type Sample,
  type StepJob,
  type StepListener,
} from "./execute.ts";
export { StepFailed } from "./failures.ts";
export { forecastRecipe, type StepForecast } from "./forecast.ts";
export { agree, follow, GroupLeader } from "./group.ts";
export { inspectable, type InspectOptions, inspectStep } from "./inspect.ts";
export { canRestrict } from "./isolation.ts";
export { type JobInfo, type Launch } from "./launch.ts";
export { runStep, type StepResult } from "./one_step.ts";
export { pastSeconds } from "./past_seconds.ts";
export { type Known, mapWired, plan, type PlannedStep, selectSteps, upstream } from "./plan.ts";
export { run, type RunOptions } from "./run.ts";
export { type PauseGate, RunControl } from "./run_control.ts";
export { type Budget, startable, type Task } from "./schedule.ts";
export { type SharedResults } from "./shared_results.ts";
export { type PortInfo, type StageInfo, type StepInfo } from "./step_info.ts";
export { storeOf, type Survey, survey } from "./survey.ts";
export { runTimeLeft } from "./time_left.ts";
export { workerExecutor } from "./worker.ts";
export { fromPlainError, Interrupted, type PlainError, toPlainError } from "./worker_messages.ts";

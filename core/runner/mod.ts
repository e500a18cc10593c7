/**
 * The planner, and the runner that executes a plan.
 *
 * @module
 */
export { pastSeconds, runTimeLeft } from "./durations.ts";
export {
  fromPlainError,
  Interrupted,
  ownFrame,
  type PlainError,
  StepFailed,
  toPlainError,
} from "./errors.ts";
export {
  type Executor,
  inlineExecutor,
  type Sample,
  type StepJob,
  type StepListener,
} from "./execute.ts";
export {
  diskNeeds,
  forecastRecipe,
  memoryOf,
  neededTokens,
  type StepForecast,
} from "./forecast.ts";
export { agree, checkRanks, follow, GroupLeader } from "./group.ts";
export { inspectable, type InspectOptions, inspectStep } from "./inspect.ts";
export { runStep, type StepResult } from "./one_step.ts";
export { type EarlierResults, namedSteps, plan, selectSteps } from "./plan.ts";
export {
  describeUnmet,
  type Readiness,
  readiness,
  RequirementsError,
  type Unmet,
} from "./requirements.ts";
export { machineBudget } from "./resources.ts";
export { type Launch, run, type RunOptions } from "./run.ts";
export { type PauseGate, RunControl } from "./run_control.ts";
export { startable } from "./schedule.ts";
export { type SharedResults, storeOf, verifiedFiles, type VerifiedPlan, verify } from "./verify.ts";
export { workerExecutor } from "./worker.ts";

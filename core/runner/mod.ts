/**
 * Recipes, the planner, and the runner with its event log.
 *
 * @module
 */
export { LogReader, LogTail } from "./event_log.ts";
export type { LoggedLine } from "./event_log.ts";
export { applyEvent, foldEvents, runClock, runningSteps, timeLeft } from "./events.ts";
export type {
  OutputSummary,
  Point,
  RunEvent,
  RunEventBody,
  RunState,
  StepState,
} from "./events.ts";
export { inlineExecutor } from "./execute.ts";
export { machineBudget, type PlannedTask } from "./demand.ts";
export type { Executor, Sample, StepJob, StepListener } from "./execute.ts";
export { forecastRecipe } from "./forecast.ts";
export type { StepForecast } from "./forecast.ts";
export { inspectable, inspectStep } from "./inspect.ts";
export type { InspectOptions } from "./inspect.ts";
export { canRestrict } from "./isolation.ts";
export { recipe_schema, step_schema } from "./json_recipe.ts";
export type { JobInfo, Launch } from "./launch.ts";
export { loadRecipe, recipeUrl } from "./load.ts";
export type { LoadOptions } from "./load.ts";
export { lockFolder, readLocks } from "./lock.ts";
export type { RecipeLock } from "./lock.ts";
export { runStep, type StepResult } from "./one_step.ts";
export { pastSeconds } from "./past_seconds.ts";
export { mapWired, plan, selectSteps, upstream } from "./plan.ts";
export type { Known, PlannedStep } from "./plan.ts";
export { RecipeError } from "./problems.ts";
export type { Problem } from "./problems.ts";
export { defineRecipe, settle } from "./recipe.ts";
export type { Recipe, RecipeBuilder, RecipeHeader, Step, StepOptions } from "./recipe.ts";
export { run } from "./run.ts";
export { StepFailed } from "./failures.ts";
export type { RunOptions } from "./run.ts";
export type { SharedResults } from "./shared_results.ts";
export { type PauseGate, RunControl } from "./run_control.ts";
export { type Budget, startable, type Task } from "./schedule.ts";
export { RunFolder } from "./run_folder.ts";
export type { RunSource } from "./run_folder.ts";
export type { LogLine, RunIndex, SampleLine } from "./run_index.ts";
export type { Series, SeriesQuery } from "./series.ts";
export { agree, follow, GroupLeader } from "./group.ts";
export { loadStage } from "./stage_modules.ts";
export { runTimeLeft } from "./time_left.ts";
export type { PortInfo, StageInfo, StepInfo } from "./step_info.ts";
export { storeOf, survey } from "./survey.ts";
export type { Survey } from "./survey.ts";
export { type ChosenTracker, loadTracker, TrackerFeed } from "./trackers.ts";
export type { Ref, Refs, Wiring } from "./wiring.ts";
export { workerExecutor } from "./worker.ts";
export { fromPlainError, Interrupted, type PlainError, toPlainError } from "./worker_messages.ts";

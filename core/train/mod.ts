/**
 * Training: schedules, the optimizer, checkpoints, and the loop that pretraining, midtraining and fine-tuning
 * share.
 *
 * @module
 */
export {
  checkpointReader,
  encodeCheckpoint,
  type FileReader,
  freshState,
  loadArrays,
  loadParameters,
  loadTrainerState,
  type TrainerState,
  writeCheckpoint,
} from "./checkpoint.ts";
export {
  checkpoint_series,
  readSeries,
  type SeriesEntry,
  takeCheckpoint,
} from "./checkpoint_series.ts";
export { checkpointing_fields, type KeepOptions, keptSteps } from "./checkpointing_options.ts";
export { freshArrays, type TrainingArrays } from "./arrays.ts";
export { type BranchConfig, branchFrom, type BranchStart } from "./branch.ts";
export { NonFiniteError } from "./non_finite.ts";
export { type EvalLoss, Evaluator } from "./evaluator.ts";
export { type Length, lengthSteps, type StepSize } from "./length.ts";
export { type GivenPlace, givenState } from "./given_state.ts";
export { type Branch, describeLineage, describeSwitches, type Lineage } from "./lineage.ts";
export {
  type CheckpointForecast,
  checkpointOutputs,
  forecastAt,
  placesOf,
  productOf,
  sourceTokens,
  tokenBytes,
  trainingCost,
} from "./forecast.ts";
export { mixtureForecast } from "./mixture_forecast.ts";
export { trainingMemory } from "./memory.ts";
export { type LoopContext, type Phase, type PhaseResult, trainPhase } from "./loop.ts";
export { MetricsHistory } from "./metrics.ts";
export { optimizer_schema, type OptimizerConfig } from "./optimizer.ts";
export * from "./options.ts";
export {
  learningRate,
  resolveSchedule,
  rewarm_schema,
  rewarmSchedule,
  type Schedule,
  schedule_schema,
  type ScheduleConfig,
} from "./schedule.ts";
export { HostTrainer } from "./host_trainer.ts";
export { createTrainer, type StepResult, type Trainer } from "./trainer.ts";
export { batchSample, SAMPLE_ROWS } from "./batch_sample.ts";
export { type MixturePhase, mixturePhase, type MixturePhaseOptions } from "./mixture_phase.ts";
export { training_outputs, writePhase } from "./stage_outputs.ts";
export { type TuningConfig, type TuningPhase, tuningPhase } from "./tuning_phase.ts";
export { HiddenStates } from "./hidden_states.ts";

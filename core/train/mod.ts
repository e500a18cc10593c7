/**
 * Training: schedules, the optimizer, checkpoints, and the loop that pretraining, midtraining and fine-tuning
 * share.
 *
 * @module
 */
export { optimizer_schema, type OptimizerConfig } from "./adamw.ts";
export { branch_fields, branchFrom, importedState, isImported } from "./branch.ts";
export {
  checkpointReader,
  encodeCheckpoint,
  freshState,
  loadArrays,
  loadParameters,
  loadTrainerState,
  type TrainerState,
} from "./checkpoint.ts";
export { checkpoint_series, takeCheckpoint } from "./checkpoint_series.ts";
export { checkpointing_fields, type KeepOptions, keptSteps } from "./checkpointing.ts";
export {
  checkHorizon,
  horizonSteps,
  type Length,
  length_fields,
  lengthSteps,
  micro_batch_size,
  mixture_phase_fields,
  model_schema,
  modelConfig,
  paddedLengths,
  type StepSize,
  validation_schema,
} from "./config.ts";
export {
  bitsPerByte,
  type EvalLoss,
  type EvalSet,
  evalSets,
  Evaluator,
  HiddenStates,
} from "./evaluator.ts";
export { type DocumentLoss, DocumentSums } from "./document_losses.ts";
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
export {
  evalSetsForecast,
  examplesForecast,
  forwardMemory,
  forwardWork,
  missingSources,
} from "./forward_forecast.ts";
export { HostTrainer } from "./host_trainer.ts";
export {
  learningRate,
  resolveSchedule,
  type Schedule,
  schedule_schema,
  type ScheduleConfig,
} from "./learning_rate.ts";
export { type Branch, describeLineage, type Lineage } from "./lineage.ts";
export { trainPhase } from "./loop.ts";
export { mixtureForecast, type MixturePhase, mixturePhase } from "./mixture_phase.ts";
export { createTrainer, type Phase } from "./phase.ts";
export { batchSample, training_outputs, writePhase } from "./stage_outputs.ts";
export {
  freshArrays,
  NonFiniteError,
  type StepResult,
  type Trainer,
  type TrainingArrays,
} from "./trainer.ts";
export { checkIds, checkModels, checkTokenizer } from "./token_check.ts";
export {
  checkTuning,
  sourceNames,
  tuning_fields,
  type TuningPhase,
  tuningPhase,
} from "./tuning_phase.ts";
export { averaging_fields } from "./weight_average.ts";

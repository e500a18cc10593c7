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
export { freshArrays, type TrainingArrays } from "./arrays.ts";
export {
  type Compute,
  compute_fields,
  computeOptions,
  hostWeights,
  placeWeights,
  type Weights,
} from "./compute.ts";
export { Evaluator, type HeldOutLoss } from "./evaluator.ts";
export { type LoopContext, type Phase, type PhaseResult, trainPhase } from "./loop.ts";
export { MetricsHistory } from "./metrics.ts";
export { optimizer_schema, type OptimizerConfig } from "./optimizer.ts";
export * from "./options.ts";
export { learningRate, type Schedule, schedule_schema, type ScheduleConfig } from "./schedule.ts";
export { HostTrainer } from "./host_trainer.ts";
export { createTrainer, type StepResult, type Trainer } from "./trainer.ts";
export { batchSample, SAMPLE_ROWS } from "./batch_sample.ts";
export { type MixturePhase, mixturePhase, type MixturePhaseOptions } from "./mixture_phase.ts";
export { training_outputs, writePhase } from "./stage_outputs.ts";
export { HiddenStates } from "./hidden_states.ts";

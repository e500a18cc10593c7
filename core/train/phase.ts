/**
 * A phase of training: what it consists of, and where it starts.
 *
 * @module
 */
import type { BatchSource } from "../batches/mod.ts";
import type { Compute } from "../engine/mod.ts";
import type {
  Checkpoints,
  FilesInput,
  KeptCheckpoint,
  Metrics,
  Ranks,
  SavedCheckpoint,
} from "../stage/mod.ts";
import type { OptimizerConfig } from "./adamw.ts";
import { loadArrays, loadTrainerState, type TrainerState } from "./checkpoint.ts";
import type { KeepOptions } from "./checkpointing.ts";
import { DeviceTrainer } from "./device_trainer.ts";
import type { EvalSet } from "./evaluator.ts";
import { HostTrainer } from "./host_trainer.ts";
import { METRICS, MetricsHistory } from "./metrics.ts";
import type { SampleContext } from "./samples.ts";
import type { Trainer, TrainingArrays } from "./trainer.ts";

/** What the loop needs of a stage's context. */
export interface LoopContext extends SampleContext {
  readonly signal: AbortSignal;
  readonly checkpoints: Checkpoints;
  report(step: number, metrics?: Metrics, total?: number): void;
  log(message: string): void;
}

/** One phase of training. */
export interface Phase {
  /** Optimizer steps of this phase. */
  steps: number;
  /** State at the phase's beginning; `step` is above 0 when the phase continues an earlier one. */
  start: TrainerState;
  batches: BatchSource;
  /** Eval sets by source. */
  validation: ReadonlyMap<string, EvalSet>;
  /** Optimizer steps between evaluations; the phase's last step is always evaluated. */
  validate_every: number;
  compute: Compute;
  /** A tokenizer's files, or a checkpoint with them: for samples, and for special tokens in `config.json`. */
  tokenizer?: FilesInput;
  /** Which checkpoints become an output; none when left out. */
  keep?: KeepOptions;
}

/** The results of a phase. */
export interface PhaseResult {
  state: TrainerState;
  history: MetricsHistory;
  /** Files of the final checkpoint. */
  files: Record<string, Uint8Array>;
  /** Checkpoints along the phase, in order. */
  kept: readonly KeptCheckpoint[];
}

/** How far a phase is. */
export interface Progress {
  /** Steps of this phase that are done. */
  done: number;
  state: TrainerState;
  history: MetricsHistory;
}

/**
 * A trainer at the phase's beginning, or at the newest checkpoint of an interrupted run.
 *
 * @param keep steps whose checkpoints are kept.
 */
export async function beginPhase(
  ctx: LoopContext,
  phase: Phase,
  keep: readonly number[],
  prepare: () => Promise<TrainingArrays>,
): Promise<Progress & { trainer: Trainer }> {
  const { start, compute } = phase;
  const make = (arrays: TrainingArrays) =>
    createTrainer(arrays, start.optimizer, compute, ctx.ranks);
  const saved = await findCheckpoint(ctx, keep);
  if (!saved) {
    const trainer = await make(await prepare());
    return { trainer, done: 0, state: start, history: new MetricsHistory() };
  }
  const read = (name: string) => saved.read(name);
  const state = await loadTrainerState(read);
  const history = MetricsHistory.decode(await read(METRICS));
  const trainer = await make(await loadArrays(read, state));
  const done = state.step - start.step;
  ctx.log(`resuming at step ${done} of ${phase.steps}`);
  return { trainer, done, state, history };
}

/**
 * The newest checkpoint; but when an earlier one that has to be kept is missing, the newest before that, so that it is
 * made again.
 */
async function findCheckpoint(
  { checkpoints }: LoopContext,
  keep: readonly number[],
): Promise<SavedCheckpoint | undefined> {
  const latest = await checkpoints.latest();
  const kept = await checkpoints.kept?.() ?? [];
  const missing = keep.find((step) => !kept.some((one) => one.step === step)) ?? Infinity;
  // The newest can still become the missing one if it is of the same step.
  return latest && latest.step <= missing ? latest : kept.findLast(({ step }) => step < missing);
}

/**
 * Creates a trainer: on the CPU it works in the given arrays, on other devices on copies of them.
 *
 * @param ranks the processes that train together.
 * @throws {DeviceUnavailable}
 */
export function createTrainer(
  arrays: TrainingArrays,
  optimizer: OptimizerConfig,
  compute: Compute,
  ranks?: Ranks,
): Promise<Trainer> {
  if (compute.device !== "cpu") {
    if (!ranks) return DeviceTrainer.create(arrays, optimizer, compute);
    throw new Error(
      `several processes can train only on the CPU, not on ${compute.device}; start one process`,
    );
  }
  return Promise.resolve(new HostTrainer(arrays, optimizer, compute, ranks));
}

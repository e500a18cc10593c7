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
import { ParameterArrays } from "../model/mod.ts";
import type { Constraints, OptimizerConfig } from "./adamw.ts";
import { loadArrays, loadAverage, loadTrainerState, type TrainerState } from "./checkpoint.ts";
import type { KeepOptions } from "./checkpointing.ts";
import { DeviceTrainer } from "./device_trainer.ts";
import type { EvalSet } from "./evaluator.ts";
import { HostTrainer } from "./host_trainer.ts";
import { METRICS, MetricsHistory } from "./metrics.ts";
import type { SampleContext } from "./samples.ts";
import { frozenParameters } from "./regularization.ts";
import type { Trainer, TrainingArrays } from "./trainer.ts";
import { checkAverage, moveTowards } from "./weight_average.ts";

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
  /** Whether the evaluations before the first step and after the last one keep the losses of single documents. */
  document_losses?: boolean;
  compute: Compute;
  /** A tokenizer's files, or a checkpoint with them: for samples, and for special tokens in `config.json`. */
  tokenizer?: FilesInput;
  /** Which checkpoints become an output; none when left out. */
  keep?: KeepOptions;
  /** Loads the weights that `start.start_decay` draws back to. */
  loadStart?(): Promise<ParameterArrays>;
}

/** The results of a phase. */
export interface PhaseResult {
  state: TrainerState;
  history: MetricsHistory;
  /** Files of the final checkpoint. */
  files: Record<string, Uint8Array>;
  /** Config and average weights, where an average was taken. */
  averaged?: Record<string, Uint8Array>;
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
): Promise<Progress & { trainer: Trainer; average?: ParameterArrays }> {
  const { start, compute } = phase;
  checkAverage(start.weight_average, phase.steps);
  if (start.weight_average && compute.device !== "cpu") {
    throw notOnDevice("weight_average", compute.device);
  }
  const make = async (arrays: TrainingArrays) => {
    const constraints = await constraintsOf(phase, arrays.parameters);
    return await createTrainer(arrays, start.optimizer, compute, ctx.ranks, constraints);
  };
  const saved = await findCheckpoint(ctx, keep);
  if (!saved) {
    const arrays = await prepare();
    const average = start.weight_average && copyOf(arrays.parameters);
    const trainer = await make(arrays);
    return { trainer, average, done: 0, state: start, history: new MetricsHistory() };
  }
  const read = (name: string) => saved.read(name);
  const state = await loadTrainerState(read);
  const history = MetricsHistory.decode(await read(METRICS));
  const arrays = await loadArrays(read, state);
  const average = start.weight_average && await loadAverage(read, arrays.parameters);
  const trainer = await make(arrays);
  const done = state.step - start.step;
  ctx.log(`resuming at step ${done} of ${phase.steps}`);
  return { trainer, average, done, state, history };
}

function copyOf(parameters: ParameterArrays): ParameterArrays {
  const copy = new ParameterArrays(parameters.config, parameters.decay_scope);
  moveTowards(copy, parameters, 1);
  return copy;
}

async function constraintsOf(
  { start: { freeze, start_decay }, loadStart }: Phase,
  { config }: ParameterArrays,
): Promise<Constraints> {
  return {
    ...(freeze && { frozen: frozenParameters(config, freeze) }),
    ...(start_decay && { start: { decay: start_decay, weights: await loadStart!() } }),
  };
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
  constraints: Constraints = {},
): Promise<Trainer> {
  if (compute.device !== "cpu") {
    for (const [key, name] of [["frozen", "freeze"], ["start", "start_decay"]] as const) {
      if (constraints[key]) throw notOnDevice(name, compute.device);
    }
    if (!ranks) return DeviceTrainer.create(arrays, optimizer, compute);
    throw new Error(
      `several processes can train only on the CPU, not on ${compute.device}; start one process`,
    );
  }
  return Promise.resolve(
    new HostTrainer(arrays, optimizer, compute, ranks, undefined, constraints),
  );
}

function notOnDevice(field: string, device: string): Error {
  return new Error(`${field} is computed on the CPU only, not on ${device}; remove it`);
}

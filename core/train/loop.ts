/**
 * The training loop that pretraining, midtraining and fine-tuning share.
 *
 * @module
 */
import { collate, type Sequence } from "../data/mod.ts";
import type { Checkpoints, Metrics } from "../stage/mod.ts";
import { encodeCheckpoint, loadArrays, loadTrainerState, type TrainerState } from "./checkpoint.ts";
import { Evaluator } from "./evaluator.ts";
import { MetricsHistory } from "./metrics.ts";
import { learningRate } from "./schedule.ts";
import type { TrainingArrays } from "./arrays.ts";
import type { Compute } from "./compute.ts";
import { createTrainer, type Trainer } from "./trainer.ts";

/** What the loop needs of a stage's context. */
export interface LoopContext {
  readonly signal: AbortSignal;
  readonly checkpoints: Checkpoints;
  report(step: number, metrics?: Metrics, total?: number): void;
  log(message: string): void;
}

/** One phase of training. */
export interface Phase {
  /** Optimizer steps of this phase. */
  steps: number;
  /** State at the phase's beginning; `step` may be above 0 when an earlier phase's schedule goes on. */
  start: TrainerState;
  /** The global batch of a step of this phase, counted from 0. */
  batch(step: number): Sequence[];
  micro_batch_size: number;
  /** Lengths batches may be padded to, ascending. */
  lengths: readonly number[];
  /** Held-out sequences by source. */
  validation: ReadonlyMap<string, readonly Sequence[]>;
  /** Optimizer steps between evaluations; the phase's last step is always evaluated. */
  validate_every: number;
  compute: Compute;
}

/** Seconds between checkpoints for resuming. Not a config field: it changes no result, so it belongs in no key. */
const CHECKPOINT_SECONDS = 60;

/** What a phase leaves behind. */
export interface PhaseResult {
  state: TrainerState;
  history: MetricsHistory;
  /** Files of the final checkpoint. */
  files: Record<string, Uint8Array>;
}

/**
 * Trains for one phase, going on from a checkpoint of an interrupted run of the same step when there is one: the
 * result is the same to the bit.
 *
 * @param prepare makes weights and optimizer state at the phase's beginning; not called on resume.
 * @throws the abort reason when `ctx.signal` is aborted, after a checkpoint has been saved.
 */
export async function trainPhase(
  ctx: LoopContext,
  phase: Phase,
  prepare: () => Promise<TrainingArrays>,
): Promise<PhaseResult> {
  const evaluator = new Evaluator(phase);
  const { trainer, ...place } = await begin(ctx, phase, prepare);
  try {
    return await new Loop(ctx, phase, trainer, evaluator, place).run();
  } finally {
    await evaluator.release();
    await trainer.release();
  }
}

/** Where a phase stands. */
interface Place {
  /** Steps of this phase that are done. */
  done: number;
  state: TrainerState;
  history: MetricsHistory;
}

/** A trainer at the phase's beginning, or at the newest checkpoint. */
async function begin(
  ctx: LoopContext,
  phase: Phase,
  prepare: () => Promise<TrainingArrays>,
): Promise<Place & { trainer: Trainer }> {
  const { start, compute } = phase;
  const make = (arrays: TrainingArrays) => createTrainer(arrays, start.optimizer, compute);
  const saved = await ctx.checkpoints.latest();
  if (!saved) {
    const trainer = await make(await prepare());
    return { trainer, done: 0, state: start, history: new MetricsHistory() };
  }
  const read = (name: string) => saved.read(name);
  const state = await loadTrainerState(read);
  const trainer = await make(await loadArrays(read, state));
  const history = MetricsHistory.decode(await read("metrics.json"));
  const done = state.step - start.step;
  ctx.log(`going on from step ${done} of ${phase.steps}`);
  return { trainer, done, state, history };
}

class Loop {
  #last_save = performance.now();

  public done: number;
  public state: TrainerState;
  readonly history: MetricsHistory;

  constructor(
    readonly ctx: LoopContext,
    readonly phase: Phase,
    readonly trainer: Trainer,
    readonly evaluator: Evaluator,
    place: Place,
  ) {
    this.done = place.done;
    this.state = place.state;
    this.history = place.history;
  }

  async run(): Promise<PhaseResult> {
    const { phase, ctx } = this;
    while (true) {
      if (this.#validationDue()) await this.#validate();
      if (this.done === phase.steps) break;
      if (ctx.signal.aborted) await this.#stop();
      await this.#step();
      await this.#saveIfDue();
    }
    ctx.report(this.done, {}, phase.steps);
    const { state, history } = this;
    return { state, history, files: await this.#files() };
  }

  async #step(): Promise<void> {
    const { phase, trainer, ctx } = this;
    const { micro_batch_size, lengths } = phase;
    const began = performance.now();
    const sequences = phase.batch(this.done);
    const tokens = sequences.reduce((count, sequence) => count + sequence.tokens.length - 1, 0);
    const learning_rate = learningRate(this.state.schedule, this.state.step);
    const micro_batches = collate(sequences, { micro_batch_size, lengths, pad_id: 0 });
    const result = await trainer.step(micro_batches, learning_rate);
    this.done++;
    this.state = {
      ...this.state,
      step: this.state.step + 1,
      tokens: this.state.tokens + tokens,
    };
    const row = { ...result, learning_rate };
    this.history.training.push({ step: this.state.step, tokens: this.state.tokens, ...row });
    const tokens_per_second = tokens / (performance.now() - began) * 1000;
    ctx.report(this.done, { ...row, tokens: this.state.tokens, tokens_per_second }, phase.steps);
  }

  /** Derived from the history, so that a run stopped between a step and its evaluation makes up for it. */
  #validationDue(): boolean {
    const { state, phase, history } = this;
    const due = this.done === phase.steps || state.step % phase.validate_every === 0;
    return due && !history.validation.some(({ step }) => step === state.step);
  }

  async #validate(): Promise<void> {
    const { state: { step }, ctx, phase } = this;
    const rows: MetricsHistory["validation"] = [];
    for (const [source, sequences] of phase.validation) {
      if (ctx.signal.aborted) await this.#stop();
      const measured = await this.evaluator.loss(this.trainer.weights, sequences);
      if (!Number.isFinite(measured.loss)) {
        throw new Error(
          `the validation loss on "${source}" is ${measured.loss} at step ${step}: lower the learning rate`,
        );
      }
      rows.push({ step, source, ...measured });
    }
    this.history.validation.push(...rows);
    const losses = rows.map(({ source, loss }) => [`validation_loss/${source}`, loss]);
    ctx.report(this.done, Object.fromEntries(losses), phase.steps);
  }

  async #files(): Promise<Record<string, Uint8Array>> {
    return encodeCheckpoint(await this.trainer.arrays(), this.state);
  }

  async #save(): Promise<void> {
    const files = { ...await this.#files(), "metrics.json": this.history.encode() };
    await this.ctx.checkpoints.save(this.done, files);
    this.#last_save = performance.now();
  }

  async #saveIfDue(): Promise<void> {
    const seconds = (performance.now() - this.#last_save) / 1000;
    if (this.done < this.phase.steps && seconds >= CHECKPOINT_SECONDS) {
      await this.#save();
    }
  }

  async #stop(): Promise<never> {
    await this.#save();
    throw this.ctx.signal.reason;
  }
}

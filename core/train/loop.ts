/**
 * The training loop that pretraining, midtraining and fine-tuning share.
 *
 * @module
 */
import { collate, type Sequence } from "../data/mod.ts";
import type { Checkpoints, Metrics } from "../stage/mod.ts";
import {
  encodeCheckpoint,
  loadOptimizer,
  loadParameters,
  loadTrainerState,
  type TrainerState,
} from "./checkpoint.ts";
import { Evaluator } from "./evaluator.ts";
import { MetricsHistory } from "./metrics.ts";
import { learningRate } from "./schedule.ts";
import { Trainer } from "./trainer.ts";

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
  /** Sequences drawn per source after so many steps of this phase. */
  drawnAfter(steps: number): Record<string, number>;
  micro_batch_size: number;
  /** Lengths batches may be padded to, ascending. */
  lengths: readonly number[];
  /** Held-out sequences by source. */
  validation: ReadonlyMap<string, readonly Sequence[]>;
  /** Optimizer steps between evaluations; the phase's last step is always evaluated. */
  validate_every: number;
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
 * @param prepare makes a trainer at the phase's beginning; on resume only its sizes matter.
 * @throws the abort reason when `ctx.signal` is aborted, after a checkpoint has been saved.
 */
export async function trainPhase(
  ctx: LoopContext,
  phase: Phase,
  prepare: () => Promise<Trainer>,
): Promise<PhaseResult> {
  const trainer = await prepare();
  const { micro_batch_size, lengths } = phase;
  const { threads } = trainer;
  const evaluator = new Evaluator(trainer.parameters, { micro_batch_size, lengths, threads });
  try {
    const loop = await Loop.begin(ctx, phase, trainer, evaluator);
    return await loop.run();
  } finally {
    await evaluator.release();
    await trainer.release();
  }
}

class Loop {
  #last_save = performance.now();

  private constructor(
    readonly ctx: LoopContext,
    readonly phase: Phase,
    readonly trainer: Trainer,
    readonly evaluator: Evaluator,
    /** Steps of this phase that are done. */
    public done: number,
    public state: TrainerState,
    readonly history: MetricsHistory,
  ) {}

  static async begin(ctx: LoopContext, phase: Phase, trainer: Trainer, evaluator: Evaluator) {
    const saved = await ctx.checkpoints.latest();
    if (!saved) {
      return new Loop(ctx, phase, trainer, evaluator, 0, phase.start, new MetricsHistory());
    }
    const read = (name: string) => saved.read(name);
    const { parameters, optimizer } = trainer;
    const state = await loadTrainerState(read);
    const loaded = await loadParameters(read, parameters.decay_scope);
    for (const [name, view] of loaded.views) parameters.get(name).set(view);
    await loadOptimizer(read, optimizer, state.step);
    const history = MetricsHistory.decode(await read("metrics.json"));
    const done = state.step - phase.start.step;
    ctx.log(`going on from step ${done} of ${phase.steps}`);
    return new Loop(ctx, phase, trainer, evaluator, done, state, history);
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
    return { state, history, files: this.#files() };
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
      drawn: phase.drawnAfter(this.done),
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
      const measured = await this.evaluator.loss(sequences);
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

  #files(): Record<string, Uint8Array> {
    return encodeCheckpoint(this.trainer.parameters, this.trainer.optimizer, this.state);
  }

  async #save(): Promise<void> {
    const files = { ...this.#files(), "metrics.json": this.history.encode() };
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

/**
 * The training loop that pretraining, midtraining and fine-tuning share.
 *
 * @module
 */
import { hostWeights } from "../model/mod.ts";
import type { Compute } from "../engine/mod.ts";
import { collate, type Sequence } from "../batches/mod.ts";
import type { Checkpoints, FilesInput, KeptCheckpoint, Metrics } from "../stage/mod.ts";
import { encodeCheckpoint, type TrainerState } from "./checkpoint.ts";
import { Checkpointing } from "./checkpointing.ts";
import { type KeepOptions, keptSteps } from "./checkpointing_options.ts";
import { NonFiniteError } from "./non_finite.ts";
import { DrawnTokens } from "./drawn_tokens.ts";
import { type EvalLoss, Evaluator } from "./evaluator.ts";
import type { MetricsHistory } from "./metrics.ts";
import { bitsPerByte, type EvalSet } from "./options.ts";
import { partOf } from "./ranks.ts";
import { type SampleContext, TrainingSamples } from "./samples.ts";
import { learningRate } from "./schedule.ts";
import type { TrainingArrays } from "./arrays.ts";
import { beginPhase, type Place } from "./phase_start.ts";
import type { Trainer } from "./trainer.ts";

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
  /** State at the phase's beginning; `step` may be above 0 when an earlier phase's schedule goes on. */
  start: TrainerState;
  /** The global batch of a step of this phase, counted from 0. */
  batch(step: number): Sequence[];
  micro_batch_size: number;
  /** Lengths batches may be padded to, ascending. */
  lengths: readonly number[];
  /** What is held out, by source. */
  validation: ReadonlyMap<string, EvalSet>;
  /** Optimizer steps between evaluations; the phase's last step is always evaluated. */
  validate_every: number;
  compute: Compute;
  /** A tokenizer's files, by which samples are shown; without them there are none. */
  tokenizer?: FilesInput;
  /** Checkpoints that become an output; none when left out. */
  keep?: KeepOptions;
}

/**
 * Seconds between checkpoints for resuming. Not a config field: it changes no result, so it belongs in no key. Tests
 * that interrupt short runs set `CAUSEWAY_CHECKPOINT_SECONDS`.
 */
const CHECKPOINT_SECONDS = Number(Deno.env.get("CAUSEWAY_CHECKPOINT_SECONDS") ?? 60);

/** What a phase leaves behind. */
export interface PhaseResult {
  state: TrainerState;
  history: MetricsHistory;
  /** Files of the final checkpoint. */
  files: Record<string, Uint8Array>;
  /** Checkpoints along the phase, in order. */
  kept: readonly KeptCheckpoint[];
}

/**
 * Trains for one phase, going on from a checkpoint of an interrupted run of the same step when there is one: the
 * result is the same to the bit.
 *
 * @param prepare makes weights and optimizer state at the phase's beginning; not called on resume.
 * @throws the abort reason when `ctx.signal` is aborted, after a checkpoint has been saved.
 * @throws {Error} when a checkpoint cannot be written, or one is to be kept and the runner keeps none.
 */
export async function trainPhase(
  ctx: LoopContext,
  phase: Phase,
  prepare: () => Promise<TrainingArrays>,
): Promise<PhaseResult> {
  const keep = keptSteps(phase.keep ?? {}, phase.start.step, phase.steps);
  if (keep.length > 0 && !(ctx.checkpoints.kept && ctx.checkpoints.openWriter)) {
    throw new Error("checkpoints cannot be kept here: the runner has no writer for them");
  }
  const evaluator = new Evaluator(phase);
  const checkpointing = new Checkpointing(ctx.checkpoints);
  const samples = new TrainingSamples(ctx, phase.tokenizer, phase.compute, phase.start.seed);
  const { trainer, ...place } = await beginPhase(ctx, phase, keep, prepare);
  try {
    const tools = { trainer, evaluator, checkpointing, samples, keep };
    return await new Loop(ctx, phase, tools, place).run();
  } finally {
    await samples.release();
    await checkpointing.close();
    await evaluator.release();
    await trainer.release();
  }
}

/** What a loop works with. */
interface Tools {
  readonly trainer: Trainer;
  readonly evaluator: Evaluator;
  readonly checkpointing: Checkpointing;
  readonly samples: TrainingSamples;
  /** Steps whose checkpoints are kept. */
  readonly keep: readonly number[];
}

class Loop {
  public done: number;
  public state: TrainerState;
  readonly history: MetricsHistory;
  /** Steps that are still to be kept. */
  readonly #to_keep: Set<number>;
  readonly #drawn: DrawnTokens;

  constructor(
    readonly ctx: LoopContext,
    readonly phase: Phase,
    readonly tools: Tools,
    { done, state, history }: Place,
  ) {
    this.done = done;
    this.state = state;
    this.history = history;
    this.#to_keep = new Set(tools.keep.filter((step) => step >= state.step));
    this.#drawn = new DrawnTokens(phase.steps);
  }

  async run(): Promise<PhaseResult> {
    const { phase, ctx } = this;
    while (true) {
      if (this.#validationDue()) {
        await this.#validate();
        await this.#showSamples();
      }
      if (this.#to_keep.delete(this.state.step)) await this.#save(true);
      if (this.done === phase.steps) break;
      if (this.#agreed(ctx.signal.aborted)) await this.#stop();
      await this.#step();
      await this.#saveIfDue();
    }
    await this.tools.checkpointing.settled();
    ctx.report(this.done, {}, phase.steps);
    const { state, history } = this;
    return { state, history, files: await this.#files(), kept: await this.#kept() };
  }

  async #step(): Promise<void> {
    const { phase, ctx, tools: { trainer } } = this;
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
    this.#drawn.add(sequences);
    const drawn = this.#drawn.take(this.done === phase.steps);
    const measured = { ...row, tokens: this.state.tokens, tokens_per_second, ...drawn };
    ctx.report(this.done, measured, phase.steps);
  }

  /** Ranks do the same at the same step, whatever any of them has seen: all stop when one is asked to. */
  #agreed(own: boolean): boolean {
    const { ranks } = this.ctx;
    if (!ranks) return own;
    const count = Float64Array.of(own ? 1 : 0);
    ranks.allReduceSum(count);
    return count[0] > 0;
  }

  #showSamples(): Promise<void> {
    const { tools: { trainer, samples }, phase: { compute } } = this;
    // From another device the weights are brought down.
    const weights = async () =>
      compute.device === "cpu" ? trainer.weights : hostWeights((await trainer.arrays()).parameters);
    return samples.show(weights, this.done);
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
    for (const [source, held_out] of phase.validation) {
      if (!ctx.ranks && ctx.signal.aborted) await this.#stop();
      const measured = await this.#heldOutLoss(held_out);
      if (!Number.isFinite(measured.loss)) {
        throw new NonFiniteError(
          `the validation loss on "${source}" is ${measured.loss} at step ${step}`,
        );
      }
      rows.push({ step, source, ...measured, bits_per_byte: bitsPerByte(measured.loss, held_out) });
    }
    this.history.validation.push(...rows);
    const losses = rows.map(({ source, loss }) => [`validation_loss/${source}`, loss]);
    ctx.report(this.done, Object.fromEntries(losses), phase.steps);
  }

  /** Each rank measures a part, and the sums are added up. */
  async #heldOutLoss({ sequences }: EvalSet): Promise<EvalLoss> {
    const { ctx: { ranks }, tools: { evaluator, trainer } } = this;
    if (!ranks) return await evaluator.loss(trainer.weights, sequences);
    const own = partOf(sequences, ranks);
    const { loss, tokens } = own.length > 0
      ? await evaluator.loss(trainer.weights, own)
      : { loss: 0, tokens: 0 };
    const sums = Float64Array.of(loss * tokens, tokens);
    ranks.allReduceSum(sums);
    return { loss: sums[0] / sums[1], tokens: sums[1] };
  }

  async #files(): Promise<Record<string, Uint8Array>> {
    return encodeCheckpoint(await this.tools.trainer.arrays(), this.state);
  }

  async #kept(): Promise<readonly KeptCheckpoint[]> {
    const { ctx: { checkpoints }, tools: { keep } } = this;
    // Only rank 0 writes.
    if (keep.length === 0 || (this.ctx.ranks?.rank ?? 0) > 0) return [];
    const kept = (await checkpoints.kept!()).filter(({ step }) => keep.includes(step));
    const lost = keep.find((step) => !kept.some((one) => one.step === step));
    if (lost === undefined) return kept;
    throw new Error(`the checkpoint of step ${lost} is damaged; start again, and it is made anew`);
  }

  #save(keep: boolean): Promise<void> {
    const { state, history, tools: { checkpointing, trainer } } = this;
    return checkpointing.save(keep, async () => {
      return { arrays: await trainer.arrays(), state, history };
    });
  }

  async #saveIfDue(): Promise<void> {
    const { tools: { checkpointing }, state, done, phase } = this;
    await checkpointing.listen();
    // One that is kept serves for resuming too.
    if (done === phase.steps || this.#to_keep.has(state.step)) return;
    const { ranks } = this.ctx;
    const due = !checkpointing.is_busy && checkpointing.seconds >= CHECKPOINT_SECONDS;
    // Rank 0 has the clock, and the writer.
    if (this.#agreed(due && (ranks?.rank ?? 0) === 0)) await this.#save(false);
  }

  async #stop(): Promise<never> {
    await this.#save(false);
    await this.tools.checkpointing.settled();
    throw this.ctx.signal.reason ??
      Object.assign(new Error("another process was asked to stop"), { name: "Interrupted" });
  }
}

/**
 * Training and measuring at one learning rate after the other.
 *
 * @module
 */
import { placeWeights } from "../../core/model/mod.ts";
import type {
  Checkpoints,
  FilesInput,
  InputPorts,
  OutputPorts,
  StageContext,
} from "../../core/stage/mod.ts";
import {
  checkpointReader,
  type EvalSet,
  Evaluator,
  freshArrays,
  loadParameters,
  NonFiniteError,
  type Phase,
  trainPhase,
} from "../../core/train/mod.ts";
import type { Losses } from "./progress.ts";

/** What a sweep needs of its stage's context. */
export type SweepContext =
  & Pick<StageContext<unknown, InputPorts, OutputPorts>, "signal" | "report" | "log">
  & { readonly inputs: { readonly checkpoint: FilesInput } };

/** The part of a phase that is the same for all rates. */
export type Training = Omit<Phase, "start" | "validation" | "validate_every"> & {
  startAt(peak_lr: number): Phase["start"];
};

/** A sweep's training, and its evaluator, which all rates share. */
export class Sweep {
  readonly #evaluator: Evaluator;

  constructor(
    private readonly ctx: SweepContext,
    private readonly training: Training,
    private readonly eval_sets: ReadonlyMap<string, EvalSet>,
  ) {
    this.#evaluator = new Evaluator({ ...training.batches.options, compute: training.compute });
  }

  /** Optimizer steps for each rate. */
  get steps(): number {
    return this.training.steps;
  }

  /** Fine-tunes at one rate and measures; losses are NaN when training diverges. */
  async train(
    rate: number,
    index: number,
    rates: number,
    checkpoints: Checkpoints,
  ): Promise<Losses> {
    const { training: { startAt, ...common }, steps, ctx } = this;
    const { signal, report, log, inputs: { checkpoint } } = ctx;
    const start = startAt(rate);
    // Measured afterwards, by graphs that are compiled once for all rates.
    const nothing = { validation: new Map(), validate_every: steps };
    const phase: Phase = { ...common, ...nothing, start };
    const at_rate = {
      signal,
      checkpoints,
      log,
      report: (step: number, metrics = {}) =>
        report(index * steps + step, { ...metrics, peak_lr: rate }, rates * steps),
    };
    try {
      const { files } = await trainPhase(at_rate, phase, async () => {
        const read = checkpointReader(checkpoint);
        return freshArrays(await loadParameters(read, start.optimizer.decay_scope));
      });
      return await this.measure((name) => Promise.resolve(files[name] as Uint8Array<ArrayBuffer>));
    } catch (error) {
      if (!(error instanceof NonFiniteError)) throw error;
      report((index + 1) * steps, { peak_lr: rate }, rates * steps);
      return Object.fromEntries([...this.eval_sets.keys()].map((name) => [name, DIVERGED]));
    }
  }

  /** Eval losses of a checkpoint. */
  async measure(read: ReturnType<typeof checkpointReader>): Promise<Losses> {
    const { device } = this.training.compute;
    const weights = await placeWeights(await loadParameters(read), device);
    const losses: Record<string, Losses[string]> = {};
    for (const [source, { sequences }] of this.eval_sets) {
      const measured = await this.#evaluator.loss(weights, sequences, () => {
        this.ctx.signal.throwIfAborted();
      });
      losses[source] = Number.isFinite(measured.loss) ? measured : DIVERGED;
    }
    weights.release();
    return losses;
  }

  async release(): Promise<void> {
    await this.#evaluator.release();
  }
}

const DIVERGED = { loss: NaN, tokens: 0 };

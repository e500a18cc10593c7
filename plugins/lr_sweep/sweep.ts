/**
 * Training and measuring at one learning rate after the other, with checkpoints of the whole sweep.
 *
 * @module
 */
import { placeWeights } from "@causeway/core/model";
import type {
  Checkpoints,
  FilesInput,
  InputPorts,
  OutputPorts,
  SavedCheckpoint,
  StageContext,
} from "@causeway/core/stage";
import {
  checkpointReader,
  type EvalSet,
  Evaluator,
  freshArrays,
  loadParameters,
  NonFiniteError,
  type Phase,
  trainPhase,
} from "@causeway/core/train";

/** A held-out loss; null where training diverged. */
export interface Loss {
  readonly loss: number | null;
  readonly tokens: number;
}

/** Held-out losses by source. */
export type Losses = Readonly<Record<string, Loss>>;

const FINISHED = "finished.json";
/** Folder of the files of the training in progress. */
const TRAINING = "training";

interface Finished {
  readonly losses: Losses[];
  /** Whether the training of the next rate has begun. */
  readonly in_training: boolean;
}

/** Progress of a sweep: losses of finished rates, and checkpoints of the training in progress. */
export class SweepProgress {
  private constructor(
    private readonly checkpoints: Checkpoints,
    private readonly steps: number,
    private readonly finished: Losses[],
    private readonly saved: SavedCheckpoint | undefined,
  ) {}

  /**
   * Continues from the last checkpoint, if there is one.
   *
   * @param steps optimizer steps for each rate.
   */
  static async begin(checkpoints: Checkpoints, steps: number): Promise<SweepProgress> {
    const saved = await checkpoints.latest();
    if (!saved) return new SweepProgress(checkpoints, steps, [], undefined);
    const text = new TextDecoder().decode(await saved.read(FINISHED));
    const { losses, in_training }: Finished = JSON.parse(text);
    return new SweepProgress(checkpoints, steps, losses, in_training ? saved : undefined);
  }

  /** Losses before fine-tuning, then those of each finished rate, in order. */
  get losses(): readonly Losses[] {
    return this.finished;
  }

  /** Saves the losses of the next rate. */
  async add(losses: Losses): Promise<void> {
    this.finished.push(losses);
    await this.checkpoints.save(this.#place(0), { [FINISHED]: this.#encode(false) });
  }

  /** Checkpoints for the training of the next rate; each includes the losses of finished rates. */
  training(): Checkpoints {
    const index = this.finished.length;
    return {
      latest: () => {
        const { saved } = this;
        // Only the rate that was interrupted has a checkpoint to continue from.
        if (!saved || index !== this.#resumed) return Promise.resolve(undefined);
        const step = saved.step - this.#place(0);
        return Promise.resolve({ step, read: (name) => saved.read(`${TRAINING}/${name}`) });
      },
      save: (step, files, rows) => {
        const place = (name: string) => `${TRAINING}/${name}`;
        const moved = Object.entries(files).map(([name, bytes]) => [place(name), bytes]);
        const all = { [FINISHED]: this.#encode(true), ...Object.fromEntries(moved) };
        const moved_rows = rows && { ...rows, name: place(rows.name) };
        return this.checkpoints.save(this.#place(step), all, moved_rows);
      },
    };
  }

  /** Index of the rate that was interrupted. */
  get #resumed(): number {
    return Math.floor(this.saved!.step / (this.steps + 1));
  }

  /** Checkpoints are numbered along the whole sweep; each rate has numbers for its steps, 0 included. */
  #place(step: number): number {
    return this.finished.length * (this.steps + 1) + step;
  }

  #encode(in_training: boolean): Uint8Array {
    const finished: Finished = { losses: this.finished, in_training };
    return new TextEncoder().encode(JSON.stringify(finished));
  }
}

/** The parts of the stage's context that a sweep needs. */
export type SweepContext =
  & Pick<StageContext<unknown, InputPorts, OutputPorts>, "signal" | "report" | "log">
  & { readonly inputs: { readonly checkpoint: FilesInput } };

/** A fine-tuning phase without its learning rate. */
export type Training = Omit<Phase, "start" | "validation" | "validate_every"> & {
  startAt(peak_lr: number): Phase["start"];
};

/** Trains and measures one learning rate after the other; all rates share one evaluator. */
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

  /** Fine-tunes at one rate and measures held-out losses; they are null if training diverges. */
  async train(
    rate: number,
    index: number,
    rates: number,
    checkpoints: Checkpoints,
  ): Promise<Losses> {
    const { training: { startAt, ...common }, steps, ctx } = this;
    const { signal, report, log, inputs: { checkpoint } } = ctx;
    const start = startAt(rate);
    // Validation runs after training instead, with graphs that are compiled once for all rates.
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
    const losses: Record<string, Loss> = {};
    for (const [source, { sequences }] of this.eval_sets) {
      const onBatch = () => this.ctx.signal.throwIfAborted();
      const measured = await this.#evaluator.loss(weights, sequences, { onBatch });
      losses[source] = Number.isFinite(measured.loss) ? measured : DIVERGED;
    }
    weights.release();
    return losses;
  }

  async release(): Promise<void> {
    await this.#evaluator.release();
  }
}

const DIVERGED: Loss = { loss: null, tokens: 0 };

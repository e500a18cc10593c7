/**
 * Checkpoints of a sweep: the losses of finished rates, and the training of the rate at hand.
 *
 * @module
 */
import type { Checkpoints, SavedCheckpoint } from "../../core/stage/mod.ts";
import type { EvalLoss } from "../../core/train/mod.ts";

/** Held-out losses by source; NaN where training diverged. */
export type Losses = Readonly<Record<string, EvalLoss>>;

const FINISHED = "finished.json";
/** Folder of the files of the training at hand. */
const TRAINING = "training";

interface Finished {
  readonly losses: Losses[];
  /** Whether the training of the next rate has begun. */
  readonly in_training: boolean;
}

/** Where a sweep stands. */
export class SweepProgress {
  private constructor(
    private readonly checkpoints: Checkpoints,
    private readonly steps: number,
    private readonly finished: Losses[],
    private readonly saved: SavedCheckpoint | undefined,
  ) {}

  /**
   * Goes on from the last checkpoint, if there is one.
   *
   * @param steps optimizer steps for each rate.
   */
  static async begin(checkpoints: Checkpoints, steps: number): Promise<SweepProgress> {
    const saved = await checkpoints.latest();
    if (!saved) return new SweepProgress(checkpoints, steps, [], undefined);
    const text = new TextDecoder().decode(await saved.read(FINISHED));
    // JSON has no NaN: a loss that is not finite is written as null.
    const { losses, in_training }: Finished = JSON.parse(text, (key, value) => {
      return key === "loss" && value === null ? NaN : value;
    });
    return new SweepProgress(checkpoints, steps, losses, in_training ? saved : undefined);
  }

  /** Losses of the finished rates, in order; first those of the checkpoint as it is. */
  get losses(): readonly Losses[] {
    return this.finished;
  }

  /** Takes down what was measured last. */
  async add(losses: Losses): Promise<void> {
    this.finished.push(losses);
    await this.checkpoints.save(this.#place(0), { [FINISHED]: this.#encode(false) });
  }

  /** Checkpoints for the training of the next rate: each holds the finished losses too. */
  training(): Checkpoints {
    const index = this.finished.length;
    return {
      latest: () => {
        const { saved } = this;
        // Only the rate at which the run was interrupted has something to go on from.
        if (!saved || index !== this.#resumed) return Promise.resolve(undefined);
        const step = saved.step - this.#place(0);
        return Promise.resolve({ step, read: (name) => saved.read(`${TRAINING}/${name}`) });
      },
      save: (step, files) => {
        const moved = Object.entries(files).map(([name, bytes]) => [`${TRAINING}/${name}`, bytes]);
        return this.checkpoints.save(this.#place(step), {
          [FINISHED]: this.#encode(true),
          ...Object.fromEntries(moved),
        });
      },
    };
  }

  /** Index of the rate that was interrupted. */
  get #resumed(): number {
    return Math.floor(this.saved!.step / (this.steps + 1));
  }

  /** Checkpoints are numbered along the whole sweep; each rate has room for its steps from 0 on. */
  #place(step: number): number {
    return this.finished.length * (this.steps + 1) + step;
  }

  #encode(in_training: boolean): Uint8Array {
    const finished: Finished = { losses: this.finished, in_training };
    return new TextEncoder().encode(JSON.stringify(finished));
  }
}

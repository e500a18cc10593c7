/**
 * Dynamic loss scaling (Micikevicius et al., 2018, "Mixed precision training", section 3.2).
 *
 * Gradients in float16 vanish below 6e-8, so the loss is multiplied by a scale before the backward pass and the
 * gradient divided by it afterwards. Where the scaled gradient overflows, the step is computed again with half the
 * scale: no batch is lost, and the optimizer's step count stays equal to the schedule's.
 *
 * @module
 */
import { z } from "zod";
import { count } from "../config/mod.ts";

export const loss_scale_schema = z.strictObject({
  scale: z.number().positive(),
  /** Steps without overflow since the scale last changed. */
  finite_steps: count,
});

export type LossScaleState = Readonly<z.output<typeof loss_scale_schema>>;

const INITIAL: LossScaleState = { scale: 65536, finite_steps: 0 };
/** Steps after which a larger scale is tried. */
const GROWTH_STEPS = 2000;
const LARGEST = 2 ** 24;

export class LossScale {
  #state: LossScaleState;

  constructor(state: LossScaleState = INITIAL) {
    this.#state = state;
  }

  get state(): LossScaleState {
    return this.#state;
  }

  get scale(): number {
    return this.#state.scale;
  }

  /** After a step whose gradient was finite. */
  grow(): void {
    const { scale, finite_steps } = this.#state;
    this.#state = finite_steps + 1 < GROWTH_STEPS || scale >= LARGEST
      ? { scale, finite_steps: finite_steps + 1 }
      : { scale: 2 * scale, finite_steps: 0 };
  }

  /** After an overflow. @returns false when the scale is 1 already and cannot be the cause. */
  shrink(): boolean {
    if (this.scale <= 1) return false;
    this.#state = { scale: this.scale / 2, finite_steps: 0 };
    return true;
  }
}

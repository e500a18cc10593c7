/**
 * The state of a model that was trained elsewhere.
 *
 * @module
 */
import { freshState, type TrainerState } from "./checkpoint.ts";
import { optimizer_schema } from "./optimizer.ts";
import { resolveSchedule, schedule_schema } from "./schedule.ts";

/** What is known of how a model came about. */
export interface GivenPlace {
  readonly steps: number;
  readonly tokens: number;
  readonly sequence_length: number;
  readonly global_batch_size: number;
}

/**
 * A state from which training can be branched: its schedule has come to its end, its optimizer has no moments, and
 * nothing was drawn of any source.
 */
export function givenState(
  { steps, tokens, sequence_length, global_batch_size }: GivenPlace,
  seed: number,
): TrainerState {
  const ended = schedule_schema.parse({ peak_lr: 1e-6, warmup_steps: 0, shape: "constant" });
  return {
    ...freshState({
      schedule: resolveSchedule(ended, Math.max(1, steps)),
      optimizer: optimizer_schema.parse({}),
      sequence_length,
      global_batch_size,
      seed,
      phase: "given",
    }),
    step: steps,
    tokens,
    ...(steps > 0 && { optimizer_start_step: steps, data_start_step: steps }),
  };
}

/**
 * The contests of a run and how long they may take, for the time left that progress shows.
 *
 * @module
 */
import { type Passes, passFlops } from "../../core/model/mod.ts";
import { type Implementation, type Mode, type Options, type Variant, VARIANTS } from "./options.ts";
import type { Size } from "./sizes.ts";

/** FLOP/s taken for granted. A wrong rate does little harm: progress compares estimates with time that has passed. */
const RATE = 150e9;
/** Passes before the first round: the check that both sides agree, choices, warm-up. */
const PASSES_TO_START = 10;

/**
 * Bytes per parameter that a process needs at most, rounded up: weights, gradients and two moments are 16, and at 410M
 * Causeway took 18 and PyTorch, compiled and with bfloat16 copies of the weights, 22; the forward pass has weights only.
 */
const BYTES_PER_PARAMETER = { step: 24, forward: 8 };
/** For the Gemm ceiling, the compiler's processes and activations. */
const OTHER_BYTES = 3e9;

/** Bytes that both sides and the Gemm ceiling need at the same time. */
export function memoryTogether(parameters: number, pass: Passes): number {
  return 2 * BYTES_PER_PARAMETER[pass] * parameters + OTHER_BYTES;
}

/** Each of our variants has its contests one after another. */
export function contestsOf(
  { modes, implementations, ours }: Options,
): { mode: Mode; implementation: Implementation; variant: Variant }[] {
  const plays = (variant: Variant, mode: Mode) =>
    ours?.includes(variant) ??
      variant === (mode.endsWith("bf16") ? "bfloat16" : "float32");
  return VARIANTS.flatMap((variant) =>
    modes.filter((mode) => plays(variant, mode)).flatMap((mode) =>
      implementations.map((implementation) => ({ mode, implementation, variant }))
    )
  );
}

export function passesPerRound({ steps_per_round }: Options, size: Size): number {
  return steps_per_round ?? size.steps;
}

/** Seconds of a round: both turns, with a second for the ceiling's and for falling asleep. */
export function roundSeconds(options: Options, size: Size, pass: Passes): number {
  return 1 + 2 * passesPerRound(options, size) * passFlops(size.config, size, pass) / RATE;
}

/** Seconds until the first round; compilation takes time for each layer. */
export function startSeconds(size: Size, mode: Mode, pass: Passes): number {
  const compiling = mode.startsWith("compile") ? 10 + 4 * size.config.num_hidden_layers : 0;
  return 6 + compiling + PASSES_TO_START * passFlops(size.config, size, pass) / RATE;
}

export function contestSeconds(options: Options, size: Size, mode: Mode, pass: Passes): number {
  return startSeconds(size, mode, pass) + options.rounds * roundSeconds(options, size, pass);
}

export function totalSeconds(options: Options, pass: Passes): number {
  const seconds = options.sizes.flatMap((size) =>
    contestsOf(options).map(({ mode }) => contestSeconds(options, size, mode, pass))
  );
  return seconds.reduce((a, b) => a + b, 0);
}

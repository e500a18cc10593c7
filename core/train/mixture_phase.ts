/**
 * A phase on a mixture of packed sources: what pretraining and midtraining have in common.
 *
 * @module
 */
import { loadTokenSets, MixtureSampler, type TokenTable } from "../data/mod.ts";
import type { TrainerState } from "./checkpoint.ts";
import type { Phase } from "./loop.ts";
import { validationSequences } from "./options.ts";

export interface MixturePhaseOptions {
  train: Readonly<Record<string, TokenTable>>;
  validation: Readonly<Record<string, TokenTable>>;
  start: TrainerState;
  steps: number;
  config: {
    mixture: Record<string, number>;
    allow_repeat: boolean;
    micro_batch_size: number;
    validation: { every_steps: number; max_sequences: number };
    checkpoint_seconds: number;
  };
}

/**
 * Builds the phase and the sampler that its ledger comes from.
 *
 * @throws {Error} before the first step when a source is unknown, or holds too few tokens and repeats are not
 * allowed (paper: no midtraining data may repeat).
 */
export async function mixturePhase(
  { train, validation, start, steps, config }: MixturePhaseOptions,
): Promise<{ phase: Phase; sampler: MixtureSampler }> {
  const { sequence_length, global_batch_size, seed, phase: name, drawn } = start;
  const sampler = new MixtureSampler({
    sets: await loadTokenSets(train),
    weights: config.mixture,
    sequence_length,
    global_batch_size,
    seed,
    phase: name,
    drawn,
    allow_repeat: config.allow_repeat,
    steps,
  });
  const phase: Phase = {
    steps,
    start,
    batch: (step) => sampler.batch(step),
    drawnAfter: (count) => sampler.drawnAfter(count),
    micro_batch_size: config.micro_batch_size,
    lengths: [sequence_length],
    validation: await validationSequences(validation, {
      sequence_length,
      max_sequences: config.validation.max_sequences,
      mode: () => "packed",
    }),
    validate_every: config.validation.every_steps,
    checkpoint_seconds: config.checkpoint_seconds,
  };
  return { phase, sampler };
}

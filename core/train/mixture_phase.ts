/**
 * A phase on a mixture of packed sources: what pretraining and midtraining have in common.
 *
 * @module
 */
import {
  loadTokenSets,
  MixtureSampler,
  packedBlocks,
  type TokenSet,
  type TokenTable,
} from "../data/mod.ts";
import type { TrainerState } from "./checkpoint.ts";
import { type Compute, computeOptions } from "./compute.ts";
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
  } & Compute;
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
  const sets = await loadTokenSets(train);
  const available = checkAvailable(sets, start);
  const sampler = new MixtureSampler({
    sets,
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
    start: { ...start, available },
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
    compute: computeOptions(config),
  };
  return { phase, sampler };
}

/**
 * The number of sequences in every source, past ones included.
 *
 * @throws {Error} when a source that an earlier phase drew from has another size now: its sequences would come in
 * another order, and some of them a second time.
 */
function checkAvailable(
  sets: ReadonlyMap<string, TokenSet>,
  { available, sequence_length }: TrainerState,
): Record<string, number> {
  const now = Object.fromEntries(
    [...sets].map(([name, set]) => [name, packedBlocks(set, sequence_length)]),
  );
  for (const [source, before] of Object.entries(available)) {
    if (now[source] !== undefined && now[source] !== before) {
      throw new Error(
        `source "${source}" holds ${
          now[source]
        } sequences, and held ${before} when the checkpoint was ` +
          "trained: connect the same tokens, so that nothing is drawn twice",
      );
    }
  }
  return { ...available, ...now };
}

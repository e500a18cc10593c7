/**
 * A phase on a mixture of packed sources: what pretraining and midtraining have in common.
 *
 * @module
 */
import { type Compute, computeOptions } from "../engine/mod.ts";
import {
  describePlan,
  extendHistory,
  ledgerTable,
  loadDocumentSets,
  loadTokenSets,
  type MixtureConfig,
  mixtureLedger,
  MixtureSampler,
  needsDocuments,
  pack,
  type PackedSet,
  type TokenTable,
} from "../batches/mod.ts";
import type { Batch, ports } from "../stage/mod.ts";
import type { TrainerState } from "./checkpoint.ts";
import { type Branch, describeLineage, extendLineage } from "./lineage.ts";
import type { KeepOptions } from "./checkpointing_options.ts";
import type { Phase } from "./loop.ts";
import { validationSequences } from "./options.ts";

export interface MixturePhaseOptions {
  train: Readonly<Record<string, TokenTable>>;
  validation: Readonly<Record<string, TokenTable>>;
  start: TrainerState;
  steps: number;
  /** Of a phase that goes on from a checkpoint. */
  branch?: Branch;
  config:
    & {
      /** Left out, the mixture of the phases before goes on. */
      mixture?: MixtureConfig;
      allow_repeat: boolean | readonly string[];
      micro_batch_size: number;
      validation: { every_steps: number; max_sequences: number };
    }
    & KeepOptions
    & Compute;
  log(message: string): void;
}

/** A phase that is ready to be trained. */
export interface MixturePhase {
  phase: Phase;
  sampler: MixtureSampler;
  /** What the phase drew, counted over its sequences. */
  ledger(): Batch<typeof ports.mixture_ledger.columns>;
}

/**
 * Builds the phase, and logs its plan: the tokens each source has and those that are needed.
 *
 * @throws {Error} before the first step when a source is unknown, or holds too few tokens and repeats are not
 * allowed (paper: no midtraining data may repeat).
 */
export async function mixturePhase(options: MixturePhaseOptions): Promise<MixturePhase> {
  const { validation, start, steps, config } = options;
  const { sequence_length, global_batch_size, seed, packing, data_start_step = 0 } = start;
  const sets = await packSets(options);
  const available = checkAvailable(sets, start);
  const first_step = start.step - data_start_step;
  const [first, last] = [first_step, first_step + steps].map((step) => step * global_batch_size);
  const mixture = extendHistory(start.mixture, first, config.mixture, sequence_length);
  const sampler = new MixtureSampler({
    sets,
    pieces: mixture,
    global_batch_size,
    seed,
    first_step,
    steps,
    allow_repeat: config.allow_repeat,
  });
  const rows = mixtureLedger(sampler, sets, first, last);
  describePlan(rows, sequence_length).forEach(options.log);
  const lineage = extendLineage(start, {
    steps,
    tokens: rows.reduce((sum, { tokens }) => sum + tokens, 0),
    mixture: sampler.schedule.within(first, last).map(({ piece }) => piece),
    branch: options.branch,
  });
  if (options.branch) describeLineage(lineage).forEach((line) => options.log(`lineage: ${line}`));
  const phase: Phase = {
    steps,
    start: { ...start, available, mixture, lineage },
    batch: (step) => sampler.batch(step),
    micro_batch_size: config.micro_batch_size,
    lengths: [sequence_length],
    validation: await validationSequences(validation, {
      sequence_length,
      max_sequences: config.validation.max_sequences,
      mode: () => "packed",
      packing,
    }),
    validate_every: config.validation.every_steps,
    compute: computeOptions(config),
    keep: config,
  };
  return { phase, sampler, ledger: () => ledgerTable(rows, sequence_length) };
}

async function packSets(
  { train, start: { packing, sequence_length } }: MixturePhaseOptions,
): Promise<Map<string, PackedSet>> {
  const options = { ...packing, sequence_length };
  const sets = await (needsDocuments(options) ? loadDocumentSets(train) : loadTokenSets(train));
  return new Map([...sets].map(([name, set]) => [name, pack(set, options)]));
}

/**
 * The number of sequences in every source, past ones included.
 *
 * @throws {Error} when a source that an earlier phase drew from has another size now: its sequences would come in
 * another order, and some of them a second time.
 */
function checkAvailable(
  sets: ReadonlyMap<string, PackedSet>,
  { available }: TrainerState,
): Record<string, number> {
  const now = Object.fromEntries([...sets].map(([name, set]) => [name, set.blocks]));
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

/**
 * The global batches of a phase: sequences of a sampler, weighted, packed and padded.
 *
 * @module
 */
import {
  collate,
  type CollateOptions,
  type MicroBatch,
  rowWeights,
  type Sampler,
  type Sequence,
  supervisedTokens,
  type WeightedRow,
} from "./batch.ts";
import { evenSize, packExamples } from "./example_rows.ts";
import { labelWeights, type LossAverage } from "./loss_weights.ts";

/** A global batch: what one optimizer step learns from. */
export interface GlobalBatch {
  readonly micro_batches: MicroBatch[];
  /** Input tokens of each source, without padding. */
  readonly tokens: ReadonlyMap<string, number>;
}

/** What becomes of the sequences of a global batch. */
export interface BatchOptions {
  /** What the loss is; the mean over labels by default. */
  readonly average?: LossAverage;
  /** Whether whole sequences are packed into as few rows as fit, hidden from each other. */
  readonly pack?: boolean;
}

/** The global batches of a phase. */
export class BatchSource {
  constructor(
    private readonly sampler: Sampler,
    readonly options: CollateOptions,
    private readonly batch_options: BatchOptions = {},
  ) {}

  /** The same sequences, with the same weights, in micro-batches of another size. */
  withMicroBatches(micro_batch_size: number): BatchSource {
    return new BatchSource(this.sampler, { ...this.options, micro_batch_size }, this.batch_options);
  }

  /** @param step counted from 0 within the phase. */
  batch(step: number): GlobalBatch {
    const sequences = this.sampler.batch(step);
    const tokens = new Map<string, number>();
    for (const sequence of sequences) {
      const before = tokens.get(sequence.source) ?? 0;
      tokens.set(sequence.source, before + sequence.tokens.length - 1);
    }
    const { rows, micro_batch_size } = this.#rows(sequences);
    const options = { ...this.options, micro_batch_size };
    return {
      micro_batches: collate(
        rows.map(({ sequence }) => sequence),
        options,
        rows.map(({ weights }) => weights),
      ),
      tokens,
    };
  }

  /** The rows of a step's batch before they are padded. */
  sequences(step: number): Sequence[] {
    return this.#rows(this.sampler.batch(step)).rows.map(({ sequence }) => sequence);
  }

  #rows(sequences: readonly Sequence[]): { rows: WeightedRow[]; micro_batch_size: number } {
    const { average, pack } = this.batch_options, { lengths, micro_batch_size } = this.options;
    const weights = labelWeights(
      sequences.map(supervisedTokens),
      average,
      sequences.map(({ replay = false }) => replay),
    );
    if (!pack) {
      const rows = sequences.map((sequence, i) => ({
        sequence,
        weights: rowWeights(sequence, weights[i]),
      }));
      return { rows, micro_batch_size };
    }
    const rows = packExamples(sequences, weights, lengths);
    return { rows, micro_batch_size: evenSize(rows.length, micro_batch_size) };
  }
}

/**
 * Batches of the sequences of a probe.
 *
 * @module
 */
import type { Sequence } from "../../core/batches/mod.ts";

/** Sequences of one forward pass, all of one subsample. */
export interface ProbeBatch {
  readonly sequences: readonly Sequence[];
  /** Number of the subsample; 0 where there are none. */
  readonly group: number;
}

/**
 * Deals sequences into subsamples of equal size, and each of these into batches of equal size, so that no row is padding
 * and one graph computes all. The sequences that are left over are left out.
 *
 * Neighbours, which can be parts of one document, come into different subsamples: each is then like the whole.
 *
 * @param subsamples 0 for none.
 * @throws {Error} when there are fewer sequences than subsamples.
 */
export function probeBatches(
  probe: string,
  sequences: readonly Sequence[],
  { subsamples, micro_batch_size }: { subsamples: number; micro_batch_size: number },
): ProbeBatch[] {
  const groups = Math.max(1, subsamples);
  const each = Math.floor(sequences.length / groups);
  if (each === 0) {
    throw new Error(
      `cka: probe "${probe}" gives ${sequences.length} sequences, too few for ${subsamples} subsamples; ` +
        `lower subsamples or sequence_length`,
    );
  }
  const batches = Math.ceil(each / micro_batch_size);
  const size = Math.floor(each / batches);
  return Array.from({ length: groups * batches }, (_, i) => {
    const group = Math.floor(i / batches), first = (i % batches) * size;
    const places = Array.from({ length: size }, (_, k) => group + groups * (first + k));
    return { group, sequences: places.map((place) => sequences[place]) };
  });
}

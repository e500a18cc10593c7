/**
 * Processes that train one model together.
 *
 * @module
 */

/** Processes that train one model: what of them training has to know. */
export interface Ranks {
  readonly rank: number;
  readonly size: number;
  /** Whether each keeps the optimizer's moments for its part of the parameters only (ZeRO stage 1). */
  readonly shard_optimizer?: boolean;
  /** Sums over ranks, in place; every rank gets the same bits. */
  allReduceSum(data: Float32Array | Float64Array): void;
  broadcast(bytes: Uint8Array, root: number): void;
}

/**
 * The parts of a list that ranks take, as even as can be: part r of n items goes from ⌊n r / N⌋ to ⌊n (r + 1) / N⌋.
 * Ranks in order hold the items in order, so what is trained on does not depend on the number of ranks.
 */
export function partOf<T>(items: readonly T[], { rank, size }: Pick<Ranks, "rank" | "size">): T[] {
  const at = (r: number) => Math.floor(items.length * r / size);
  return items.slice(at(rank), at(rank + 1));
}

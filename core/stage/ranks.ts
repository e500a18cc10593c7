/**
 * Processes that work on one step together.
 *
 * @module
 */

/** The processes of a run, and which of them this one is. All have to call the same collectives in the same order. */
export interface Ranks {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Whether each keeps the optimizer's moments for its part of the parameters only (ZeRO stage 1). */
  readonly shard_optimizer?: boolean;
  /** Sums over ranks, in place; every rank gets the same bits. */
  allReduceSum(data: Float32Array | Float64Array): void;
  /** Gives the bytes of one rank to all. */
  broadcast(bytes: Uint8Array, root: number): void;
}

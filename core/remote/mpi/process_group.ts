/**
 * Processes that work on one thing: what collectives they have, and which of them this one is.
 *
 * @module
 */
import { loadMpi, type MpiFunctions } from "./mpi_library.ts";

/** Processes that were started together, by `mpirun` or `srun`. */
export interface ProcessGroup {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Sums over ranks, in place; every rank gets the same bits, which are the same for the same number of ranks. */
  allReduceSum(data: Float32Array | Float64Array): void;
  /** Gives the bytes of one rank to all. */
  broadcast(bytes: Uint8Array, root: number): void;
  /** Puts the parts of all ranks, of equal length, together in the order of ranks. */
  allGather(part: Float32Array, all: Float32Array): void;
  barrier(): void;
}

type Environment = (name: string) => string | undefined;

/** Variables by which launchers tell a process how many there are: Open MPI, MPICH's Hydra, PMIx and PMI under Slurm. */
const SIZES = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/** Whether a launcher started this process as one of several. */
export function isLaunched(env: Environment = Deno.env.get): boolean {
  return SIZES.some((name) => Number(env(name) ?? 1) > 1);
}

/** The group of this process while it lasts. */
export interface Launched extends ProcessGroup {
  /** Of the MPI library. */
  readonly version: string;
  /**
   * Waits until all ranks are here, without using a core meanwhile: MPI's own barrier spins.
   *
   * @param poll_ms time between looks.
   */
  meet(poll_ms?: number): Promise<void>;
  /** Ends all ranks at once. */
  abort(code: number): void;
  /** Leaves the group; no collective after it. */
  finalize(): void;
}

/**
 * Joins the group that a launcher started. Once for each process; its other threads {@linkcode attachGroup} to it.
 *
 * @throws {Error} when there is no MPI library, or the processes do not see each other.
 */
export function joinGroup(env: Environment = Deno.env.get): Launched {
  const mpi = loadMpi(env);
  mpi.init();
  const group = groupOf(mpi);
  const expected = Number(SIZES.map(env).find((size) => size !== undefined) ?? group.size);
  if (group.size === expected) return group;
  throw new Error(
    `the launcher started ${expected} processes, and ${group.version} sees ${group.size}: they are of different MPI ` +
      "installations; name the library of the launcher in CAUSEWAY_MPI",
  );
}

/** The group of this process, from another of its threads. One thread at a time may use it. */
export function attachGroup(env: Environment = Deno.env.get): ProcessGroup {
  return groupOf(loadMpi(env));
}

function groupOf(mpi: MpiFunctions): Launched {
  const { allReduceSum, broadcast, allGather, barrier, abort, finalize, version } = mpi;
  return {
    ...{ rank: mpi.rank(), size: mpi.size(), version },
    ...{ allReduceSum, broadcast, allGather, barrier, abort, finalize },
    async meet(poll_ms = 10) {
      const arrived = mpi.startBarrier();
      while (!arrived()) await new Promise((resolve) => setTimeout(resolve, poll_ms));
    },
  };
}

/**
 * The contract of launchers, which start the processes that compute steps. A launcher is one file;
 * `tests/shared/launchers.ts` tests what each must do.
 *
 * @module
 */
import type { JobInfo } from "../../runs/mod.ts";

/** Resources of a job. */
export interface JobResources {
  readonly cores: number;
  /** Whether it needs a whole machine: it uses as many threads as there are cores. */
  readonly exclusive: boolean;
  /** Bytes; 0 where unknown. */
  readonly memory: number;
  /** Whether it computes on a GPU. */
  readonly gpu: boolean;
}

/** Steps with the same resources and dependencies: one array of jobs. */
export interface JobArray {
  /** Unique among all arrays of all runs; letters, digits and hyphens. */
  readonly name: string;
  /** Ids of the steps, in the order of the array. */
  readonly steps: readonly string[];
  /** Jobs that must have succeeded before any of these starts. */
  readonly after: readonly string[];
  readonly resources: JobResources;
  /**
   * Command that computes a step, whose id is added as its last argument. It exits with 0 when the step is done, and with
   * 75 when it stopped in time and has to be started again. SIGUSR2 asks it to stop in time, SIGTERM to stop for good.
   */
  readonly command: readonly string[];
  /** Folder for the output of the jobs, and for scripts. */
  readonly folder: string;
}

/** State of a job. */
export interface JobState extends Pick<JobInfo, "state" | "detail" | "node"> {
  /** It ended without success: cancelled, killed, or with an exit code other than 0. */
  readonly failed?: boolean;
}

/** Starts processes somewhere. */
export interface Launcher {
  readonly name: string;
  /**
   * Whether jobs continue when this process ends. Where they do not, `stop` is called first; a killed process leaves its
   * running jobs behind.
   */
  readonly outlives: boolean;
  /**
   * Submits an array.
   *
   * @returns the id of the job of each step.
   * @throws {Error} naming what is missing or was refused.
   */
  submit(array: JobArray): Promise<string[]>;
  /**
   * Finds the jobs of an array whose process may have died before it recorded the ids.
   *
   * @returns their ids; undefined when there are none.
   */
  find(array: Pick<JobArray, "name" | "steps">): Promise<string[] | undefined>;
  /** States of jobs. A job that is no longer known has ended, and is left out. */
  states(ids: readonly string[]): Promise<ReadonlyMap<string, JobState>>;
  /** Cancels jobs that have not started. */
  cancel(ids: readonly string[]): Promise<void>;
  /** Asks running jobs to stop at their next checkpoint, and cancels the others. */
  stop(ids: readonly string[]): Promise<void>;
  /** Path of a job's output. */
  logOf(array: Pick<JobArray, "folder">, id: string): string;
  /** The command that ends jobs, for the terminal. */
  howToEnd(ids: readonly string[]): string;
}

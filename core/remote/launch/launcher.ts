/**
 * The contract of launchers: who starts the processes that compute steps. One file implements one; `tests/shared/launchers.ts`
 * holds what each must do.
 *
 * @module
 */
import { type JobInfo } from "../../runs/mod.ts";

/** What a job takes of the machine that it runs on. */
export interface JobResources {
  readonly cores: number;
  /** Whether it has a whole machine, since its number of threads is the number of cores. */
  readonly exclusive: boolean;
  /** Bytes; 0 where it is not known. */
  readonly memory: number;
  /** Whether it computes on a GPU. */
  readonly gpu: boolean;
}

/** Steps that need the same and wait for the same: one array of jobs. */
export interface JobArray {
  /** Unlike that of any other array, also of other runs; letters, digits and hyphens. */
  readonly name: string;
  /** Ids of the steps, in the order of the array. */
  readonly steps: readonly string[];
  /** Jobs that must have ended well before any of these begins. */
  readonly after: readonly string[];
  readonly resources: JobResources;
  /**
   * Command that computes the step whose id is given to it as one more argument. It ends with 0 when the step is done,
   * with 75 when it was stopped in time and is to be started again; SIGUSR2 asks it to stop in time, SIGTERM for good.
   */
  readonly command: readonly string[];
  /** Folder for what the jobs print, and for scripts. */
  readonly folder: string;
}

/** How a job stands. */
export interface JobState extends Pick<JobInfo, "state" | "detail" | "node"> {
  /** That it ended, and not well: it was cancelled, killed, or gave another exit code than 0. */
  readonly failed?: boolean;
}

/** Starts processes somewhere. */
export interface Launcher {
  readonly name: string;
  /**
   * Whether jobs go on when this process ends. Where they do not, `stop` is called before it does; a process that was
   * killed leaves those behind that run.
   */
  readonly outlives: boolean;
  /**
   * Hands over an array.
   *
   * @returns the id of the job of each step.
   * @throws {Error} that names what is missing or was refused.
   */
  submit(array: JobArray): Promise<string[]>;
  /**
   * Looks for the jobs of an array that may have been handed over by a process that died before it could note the ids.
   *
   * @returns their ids; undefined when there are none.
   */
  find(array: Pick<JobArray, "name" | "steps">): Promise<string[] | undefined>;
  /** How jobs stand. One that is not known any more has ended, and is left out. */
  states(ids: readonly string[]): Promise<ReadonlyMap<string, JobState>>;
  /** Takes jobs back that have not begun. */
  cancel(ids: readonly string[]): Promise<void>;
  /** Asks jobs that run to stop at their next checkpoint, and takes the others back. */
  stop(ids: readonly string[]): Promise<void>;
  /** Where to read what a job printed. */
  logOf(array: Pick<JobArray, "folder">, id: string): string;
  /** What ends jobs, in words for the terminal. */
  howToEnd(ids: readonly string[]): string;
}

/**
 * Steps in processes of their own: what the runner asks of those who start them.
 *
 * @module
 */
import type { PlannedTask } from "./resources.ts";
import type { Executor } from "./execute.ts";
import type { Recipe } from "../recipe/mod.ts";

/** How a step stands that was handed over, such as to the queue of a cluster. */
export interface JobInfo {
  /** Who has it: "slurm", "local". */
  readonly launcher: string;
  /** Its name there. */
  readonly id: string;
  readonly state: "waiting" | "running" | "ended";
  /** In the words of whoever has it: "PENDING, Priority". */
  readonly detail?: string;
  /** The machine that it runs on. */
  readonly node?: string;
}

/** Whoever computes the steps of a run, when this process does not. */
export interface Launch {
  /**
   * Takes up what an earlier run of the folder has handed over and is still under way.
   *
   * @returns whether there is any; files of it may then be half-written.
   */
  attach(recipe: Recipe): Promise<boolean>;
  /**
   * Hands over all steps that have to run and were not before. Each begins when those that it reads are done, whether
   * this process lives or not.
   *
   * @param onJob told how each step stands, again and again.
   */
  submit(
    recipe: Recipe,
    plan: readonly PlannedTask[],
    onJob: (step: string, job: JobInfo) => void,
  ): Promise<void>;
  /** Waits for a step that was handed over. */
  readonly executor: Executor;
  /** Ends all watching. */
  close(): Promise<void>;
}

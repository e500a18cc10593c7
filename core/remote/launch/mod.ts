/**
 * Steps computed in their own processes, on this machine or in the queue of a cluster.
 *
 * @module
 */
export { LaunchedRun } from "./launched_run.ts";
export type { JobArray, JobResources, JobState, Launcher } from "./launcher.ts";
export { localLauncher } from "./local.ts";
export {
  clearOutcome,
  type Order,
  readOrder,
  readOutcome,
  ReportWriter,
  writeOutcome,
} from "./launch_folder.ts";
export { assertNoSubmittedJobs } from "./submitted_jobs.ts";
export { slurmLauncher, type SlurmOptions } from "./slurm.ts";
export { type LauncherFactory, type LauncherOptions, openLauncher } from "./open.ts";

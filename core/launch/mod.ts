/**
 * Steps computed by processes of their own, on this machine or in the queue of a cluster.
 *
 * @module
 */
export { assertNothingHandedOver } from "./handed_over.ts";
export { LaunchedRun } from "./launched_run.ts";
export type { JobArray, JobDemand, JobState, Launcher } from "./launcher.ts";
export { localLauncher } from "./local.ts";
export {
  clearOutcome,
  type Order,
  readOrder,
  readOutcome,
  ReportWriter,
  writeOutcome,
} from "./order.ts";
export { slurmLauncher, type SlurmOptions } from "./slurm.ts";
export { type LauncherFactory, type LauncherOptions, openLauncher } from "./open.ts";

/**
 * Runs on disk: the event log, the state it adds up to, series, locks, trackers.
 *
 * @module
 */
export { eventLine, EventLog, type LoggedLine, LogReader, LogTail } from "./event_log.ts";
export * from "./events.ts";
export { isLocked, lockFolder, readLock, readLocks, type RecipeLock, writeLock } from "./lock.ts";
export * from "./plan_info.ts";
export { newRunId, refreshSnapshots, RunFolder, type RunSource } from "./run_folder.ts";
export {
  type LogLine,
  RunIndex,
  type SampleLine,
  type Series,
  type SeriesQuery,
} from "./run_index.ts";
export { type ChosenTracker, loadTracker, TrackerFeed } from "./trackers.ts";

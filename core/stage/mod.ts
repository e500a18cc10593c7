/**
 * The stage contract: everything a stage or plugin is written against. Nothing here does I/O.
 *
 * @module
 */
export type {
  Batch,
  ColumnData,
  Columns,
  ColumnType,
  ListColumn,
  ListElements,
  ScalarColumns,
} from "./ports.ts";
export type {
  Checkpoints,
  CheckpointWriter,
  DeferredCheckpoint,
  FileOnDisk,
  FilesInput,
  FilesOutput,
  Inputs,
  InspectContext,
  KeptCheckpoint,
  ListNames,
  ListReader,
  Metrics,
  Outputs,
  Ranks,
  SampleSettings,
  SavedCheckpoint,
  StageContext,
  TableInput,
  TableOutput,
} from "./context.ts";
export {
  assertGranted,
  assertPermissions,
  formatPermissions,
  missingPermissions,
  PERMISSION_KINDS,
} from "./permissions.ts";
export type { PermissionKind, Permissions } from "./permissions.ts";
export type {
  ComputeForecast,
  Forecast,
  ForecastContext,
  SourceForecast,
  TokenizerForecast,
  TokensForecast,
  TrainingForecast,
  TrainingPoint,
} from "./forecast.ts";
export { columnFits, files, many, optional, table } from "./ports.ts";
export type {
  FilesPort,
  InputPort,
  InputPorts,
  ManyPort,
  OptionalPort,
  OutputPorts,
  Port,
  TablePort,
} from "./ports.ts";
export { assertStage, defineStage, originOf, STAGE_INTERFACE } from "./stage.ts";
export type { AnyStage, Stage } from "./stage.ts";
export * as ports from "./standard_ports.ts";
export { assertTracker, defineTracker, TRACKER_INTERFACE } from "./tracker.ts";
export type {
  TrackedEnd,
  TrackedPoint,
  TrackedRun,
  TrackedTask,
  TrackedText,
  Tracker,
  TrackerWriter,
} from "./tracker.ts";
export * as study_ports from "./study_ports.ts";

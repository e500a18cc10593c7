/**
 * The stage contract: everything a stage or plugin needs, and nothing that does I/O.
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
} from "./columns.ts";
export { columnFits } from "./columns.ts";
export type {
  Checkpoints,
  FilesInput,
  FilesOutput,
  Inputs,
  InspectContext,
  ListNames,
  ListReader,
  Metrics,
  Outputs,
  SavedCheckpoint,
  StageContext,
  TableInput,
  TableOutput,
} from "./context.ts";
export { files, many, optional, table } from "./ports.ts";
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
export { assertStage, defineStage, STAGE_INTERFACE } from "./stage.ts";
export type { AnyStage, Stage } from "./stage.ts";
export * as ports from "./standard_ports.ts";

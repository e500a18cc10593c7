/**
 * The stage contract: everything a stage or plugin is written against. Nothing here does I/O.
 *
 * @module
 */
export type * from "./context.ts";
export type * from "./forecast.ts";
export * from "./loss_spans.ts";
export * from "./permissions.ts";
export * from "./ports.ts";
export type * from "./requirements.ts";
export * from "./stage.ts";
export * as ports from "./standard_ports.ts";
export * as study_ports from "./study_ports.ts";
export * from "./tracker.ts";
export * from "./visible.ts";

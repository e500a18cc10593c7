/**
 * The commands, for what describes or tests them. Each is a program of its own, see deno.json.
 *
 * @module
 */
import { command as chat } from "./model/chat.ts";
import { command as export_model } from "./model/export.ts";
import { command as doctor } from "./doctor/doctor.ts";
import { command as generate } from "./model/generate.ts";
import { command as new_stage } from "./new_stage/new_stage.ts";
import { command as inspect } from "./plan/inspect.ts";
import { command as plan } from "./plan/plan.ts";
import { command as recommend } from "./recommend/recommend.ts";
import { command as pipeline } from "./run/pipeline.ts";
import { command as step } from "./run/step.ts";
import { command as gc } from "./runs/gc.ts";
import { command as show } from "./runs/show.ts";
import { command as serve } from "./runs/serve.ts";
import { command as status } from "./runs/status.ts";
import { command as track } from "./runs/track.ts";
import type { Command } from "./shared/command.ts";

/** All commands, in the order in which a user meets them. */
export const COMMANDS: readonly Command[] = [
  ...[pipeline, plan, inspect, show, status, serve, track, gc],
  ...[generate, chat, export_model, recommend, new_stage, doctor, step],
];

export type { Console } from "./shared/console.ts";
export { type Command, flagRows, helpText, parseCommand, usage } from "./shared/command.ts";

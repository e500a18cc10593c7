/**
 * Writes docs/cli.md, the reference of the commands, from their tables of flags.
 *
 * ```sh
 * deno run -A docs/make_cli_reference.ts
 * ```
 *
 * @module
 */
import { command as chat } from "../core/cli/model/chat.ts";
import { command as export_model } from "../core/cli/model/export.ts";
import { command as generate } from "../core/cli/model/generate.ts";
import { command as new_stage } from "../core/cli/new_stage/new_stage.ts";
import { command as inspect } from "../core/cli/plan/inspect.ts";
import { command as plan } from "../core/cli/plan/plan.ts";
import { command as recommend } from "../core/cli/recommend/recommend.ts";
import { command as pipeline } from "../core/cli/run/pipeline.ts";
import { command as step } from "../core/cli/run/step.ts";
import { command as gc } from "../core/cli/runs/gc.ts";
import { command as serve } from "../core/cli/runs/serve.ts";
import { command as status } from "../core/cli/runs/status.ts";
import { command as track } from "../core/cli/runs/track.ts";
import type { Command } from "../core/cli/shared/flags.ts";
import { flagRows, usage } from "../core/cli/shared/main.ts";
import { formatMarkdown, table } from "./markdown.ts";

/** All commands, in the order in which one meets them. */
export const COMMANDS: readonly Command[] = [
  ...[pipeline, plan, inspect, status, serve, track, gc],
  ...[generate, chat, export_model, recommend, new_stage, step],
];

const INTRODUCTION = `# Commands

What \`deno task NAME --help\` prints. This page is made from the flag tables of the commands by
\`docs/make_cli_reference.ts\`, and a test compares the two. Values follow a space or "=": \`--out results\`,
\`--out=results\`. Errors go to standard error; exit codes are 0 for success, 1 for a failure and 2 for wrong
usage, unless a command lists others.`;

/** The text of docs/cli.md. */
export async function cliReference(): Promise<string> {
  return await formatMarkdown([INTRODUCTION, ...COMMANDS.map(section)].join("\n\n"));
}

function section(command: Command): string {
  const { name, summary, args = [], examples, notes = "" } = command;
  const code = (text: string) => `\`${text}\``;
  return [
    `## ${name}`,
    `${summary}.`,
    "```sh\n" + [`# ${usage(command)}`, ...examples].join("\n") + "\n```",
    ...(args.length > 0
      ? [table(["argument", "meaning"], args.map(({ name, help }) => [code(name), help]))]
      : []),
    table(["flag", "meaning"], flagRows(command).map(([flag, help]) => [code(flag), help])),
    ...notes.split("\n").filter((note) => note !== ""),
  ].join("\n\n");
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("cli.md", import.meta.url), await cliReference());
}

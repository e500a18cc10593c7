/**
 * Writes docs/cli.md, the reference of the commands, from their tables of flags.
 *
 * ```sh
 * deno run -A docs/make_cli_reference.ts
 * ```
 *
 * @module
 */
import { type Command, COMMANDS, flagRows, usage } from "@causeway/core/cli";
import { formatMarkdown, table } from "./markdown.ts";

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

/**
 * `deno task new-stage`: writes the files of a new stage, which compile, pass their tests and run.
 *
 * @module
 */
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type Console, processConsole, UsageError } from "../shared/console.ts";
import { defineCommand } from "../shared/flags.ts";
import { runMain } from "../shared/main.ts";
import { stageFiles } from "./new_stage_templates.ts";

export const command = defineCommand({
  name: "new-stage",
  summary: "Writes the files of a new stage: a module, its tests and a README",
  args: [{ name: "NAME", help: "name of the stage, in snake_case" }],
  flags: {
    dir: {
      value: "DIR",
      default: "plugins",
      help: "folder within this project in which the stage's folder is made",
    },
  },
  examples: ["deno task new-stage document_lengths"],
});

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const SNAKE_CASE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
// A stage is a constant of its name: these are reserved words, or names that its file uses.
const TAKEN = new Set(
  ("await break case catch class const continue debugger default delete do else enum export extends false finally " +
    "for function if implements import in instanceof interface let new null package private protected public return " +
    "static super switch this throw true try typeof var void while with yield arguments eval undefined " +
    "assert conformance documents ports table z")
    .split(" "),
);

/** Runs the command; returns the exit code: 0, 1 for a failure, 2 for wrong usage. */
export function main(args: readonly string[], io: Console = processConsole()) {
  return runMain(command, args, io, ({ flags, args: [name] }) => {
    io.out(nextSteps(name, writeStage(name, flags.dir)));
  });
}

/**
 * Writes the files of a stage.
 *
 * @param parent folder within the project, relative to the project's folder or absolute.
 * @returns the stage's folder, relative to the project's, with "/" between folders.
 * @throws {UsageError} when the name cannot be used, or the folder exists or is outside the project.
 */
export function writeStage(name: string, parent: string): string {
  if (!SNAKE_CASE.test(name) || TAKEN.has(name)) {
    throw new UsageError(
      `"${name}" cannot be the name of a stage; use snake_case, such as "document_lengths"`,
    );
  }
  const path = join(resolve(ROOT, parent), name);
  const folder = relative(ROOT, path).split(sep).join("/");
  if (!path.startsWith(ROOT)) {
    throw new UsageError(
      `${path} is not within ${ROOT}, where the project's settings apply; choose a --dir within it`,
    );
  }
  const root = relative(path, ROOT).split(sep).join("/");
  makeFolder(path, folder);
  for (const [file, text] of Object.entries(stageFiles({ name, folder, root }))) {
    Deno.writeTextFileSync(join(path, file), text, { createNew: true });
  }
  return folder;
}

function makeFolder(path: string, folder: string): void {
  Deno.mkdirSync(join(path, ".."), { recursive: true });
  try {
    Deno.mkdirSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw new UsageError(`${folder} exists already; choose another name, or remove it first`);
  }
}

function nextSteps(name: string, folder: string): string {
  const lines = [
    `Wrote ${folder}.`,
    `  test it:     deno test -P ${folder}`,
    `  use it:      import { ${name} } from "../${folder}/mod.ts"; in a recipe`,
  ];
  const listed = folder === `plugins/${name}`;
  if (listed) lines.push(`  list it:     in plugins/mod.ts, where a test looks for every folder`);
  return [...lines, "  read on:     docs/plugins.md"].join("\n");
}

if (import.meta.main) Deno.exit(await main(Deno.args));

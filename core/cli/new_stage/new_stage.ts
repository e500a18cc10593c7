/**
 * `deno task new-stage`: writes the files of a new stage, which compile, pass their tests and run.
 *
 * @module
 */
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../shared/console.ts";
import { defineCommand, mainOf } from "../shared/command.ts";

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
export const main = mainOf(command, ({ flags, args: [name] }, io) => {
  io.out(nextSteps(name, writeStage(name, flags.dir)));
});

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

/** Parameters of the templates: the stage's name, its folder from the root, and the way back, such as "../..". */
type NewStage = Readonly<Record<"name" | "folder" | "root", string>>;

/** Contents by file name. */
function stageFiles(stage: NewStage): Record<string, string> {
  return {
    "mod.ts": moduleText(stage),
    "mod_test.ts": testText(stage),
    "README.md": readmeText(stage),
  };
}

const moduleText = ({ name }: NewStage) =>
  `/**
 * The ${name} stage: longest document of each source.
 *
 * @module
 */
import { z } from "zod";
import { defineStage, ports, table } from "@causeway/core/stage";

export const ${name} = defineStage({
  name: "${name}",
  // Part of the key under which results are stored: raise it when they change.
  version: "1",
  description: "Finds the longest document of each source.",
  // What a recipe may set, with defaults.
  config: z.strictObject({
    /** Documents with fewer tokens do not count. */
    minimum_tokens: z.int().nonnegative().default(0),
  }),
  inputs: { documents: ports.tokens },
  outputs: {
    longest: table({ source: "utf8", tokens: "int32" }, "longest document of each source"),
  },
  async run({ config, inputs, outputs, signal, report }) {
    signal.throwIfAborted();
    const longest = new Map<string, number>();
    let done = 0;
    for await (const { source, tokens } of inputs.documents.batches(["source", "tokens"])) {
      signal.throwIfAborted(); // between pieces of work, so that the run can be stopped
      source.forEach((name, i) => {
        const length = tokens.offsets[i + 1] - tokens.offsets[i];
        if (length < config.minimum_tokens) return;
        longest.set(name, Math.max(length, longest.get(name) ?? 0));
      });
      report(done += source.length, {}, inputs.documents.rows);
    }
    // Sorted, and written also when there are no rows.
    const names = [...longest.keys()].sort();
    await outputs.longest.write({
      source: names,
      tokens: Int32Array.from(names, (name) => longest.get(name)!),
    });
  },
});
`;

const testText = ({ name, root }: NewStage) =>
  `import assert from "node:assert/strict";
import { conformance } from "${root}/tests/conformance/mod.ts";
import { fakeContext } from "${root}/tests/shared/fake_context.ts";
import { ${name} } from "./mod.ts";

// Three documents, of 2, 3 and 1 tokens.
const documents = {
  source: ["code", "general", "code"],
  dataset: ["made_up", "made_up", "made_up"],
  tokens: { values: Uint16Array.of(5, 0, 7, 8, 0, 0), offsets: Int32Array.of(0, 2, 5, 6) },
  // Loss on all tokens of each.
  loss_spans: { values: Uint32Array.of(0, 2, 0, 3, 0, 1), offsets: Int32Array.of(0, 2, 4, 6) },
  text_bytes: Int32Array.of(4, 8, 1),
};

// What every stage must do.
conformance(${name}, [
  { name: "three documents", config: {}, inputs: { documents } },
  { name: "none long enough", config: { minimum_tokens: 9 }, inputs: { documents } },
]);

Deno.test("the longest document of each source is found", async () => {
  const fake = await fakeContext(${name}, {
    config: { minimum_tokens: 2 },
    inputs: { documents },
  });
  await ${name}.run(fake.ctx);
  assert.deepEqual(fake.collected().longest, {
    source: ["code", "general"],
    tokens: Int32Array.of(2, 3),
  });
});
`;

const readmeText = ({ name, folder }: NewStage) =>
  `\`${name}\`: finds the longest document of each source. Test it with

\`\`\`sh
deno test -P ${folder}
\`\`\`
`;

if (import.meta.main) Deno.exit(await main(Deno.args));

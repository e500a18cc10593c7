/**
 * The files that a new stage begins with.
 *
 * @module
 */

/** What the files are written for. */
export interface NewStage {
  /** Name of the stage, in snake_case. */
  readonly name: string;
  /** Path of the stage's folder from the root of the tree. */
  readonly folder: string;
  /** The way from the stage's folder to the root of the tree: "../..". */
  readonly root: string;
}

/** Contents by file name. */
export function stageFiles(stage: NewStage): Record<string, string> {
  return {
    "mod.ts": moduleText(stage),
    "mod_test.ts": testText(stage),
    "README.md": readmeText(stage),
  };
}

const moduleText = ({ name, root }: NewStage) =>
  `/**
 * The ${name} stage: longest document of each source.
 *
 * @module
 */
import { z } from "zod";
import { defineStage, ports, table } from "${root}/core/stage/mod.ts";

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
  prompt_length: Int32Array.of(0, 0, 0),
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

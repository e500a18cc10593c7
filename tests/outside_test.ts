/** A stage in a repository of its own, and what the members of the workspace would publish. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

async function deno(cwd: string, ...args: string[]) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { success, said: decode(stdout) + decode(stderr) };
}

const STAGE = `import { defineStage, table } from "@causeway/core/stage";
import { z } from "zod";

export const squares = defineStage({
  name: "squares",
  version: "1",
  description: "The first square numbers.",
  config: z.strictObject({ count: z.int().positive() }),
  inputs: {},
  outputs: { squares: table({ n: "int32" }, "square numbers") },
  async run({ config, outputs }) {
    await outputs.squares.write({ n: Int32Array.from({ length: config.count }, (_, i) => i * i) });
  },
});
`;
const RECIPE = `import { defineRecipe } from "@causeway/core/recipe";
import { squares } from "./squares.ts";

export default defineRecipe({ name: "outside", description: "Squares.", seed: 1 }, (recipe) => {
  recipe.step("squares", squares, { config: { count: 5 } });
});
`;

Deno.test("a stage outside the tree depends on the contract by one import, and runs", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/squares.ts`, STAGE);
    await Deno.writeTextFile(`${folder}/recipe.ts`, RECIPE);
    const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
    await Deno.writeTextFile(
      `${folder}/deno.json`,
      JSON.stringify({
        imports: { "@causeway/core": "jsr:@causeway/core@^0.9.0", "zod": imports.zod },
        links: [`${ROOT}core`],
      }),
    );
    const check = await deno(folder, "check", "--cached-only", "squares.ts", "recipe.ts");
    assert.ok(check.success, check.said);
    const run = await deno(
      ...[ROOT, "task", "pipeline", "--recipe", `${folder}/recipe.ts`, "--out"] as const,
      ...[`${folder}/out`, "--port", "0"],
    );
    assert.ok(run.success, run.said);
    assert.match(run.said, /squares/);
    const manifests = await Array.fromAsync(Deno.readDir(`${folder}/out/store/manifests`));
    assert.equal(manifests.length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (const member of ["core", "stages", "plugins", "datasets"]) {
  Deno.test(`@causeway/${member} can be published`, async () => {
    const args = ["publish", "--dry-run", "--allow-dirty", "--allow-slow-types", "--no-check"];
    const { success, said } = await deno(`${ROOT}${member}`, ...args);
    assert.ok(success, said);
    assert.match(said, new RegExp(`Simulating publish of @causeway/${member}@`));
    assert.doesNotMatch(said, /_test\.ts/);
  });
}

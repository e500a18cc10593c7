import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../../tests/shared/commands.ts";
import { main } from "./new_stage.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

const run = (...args: string[]) => runCommand(main, args);

/** A folder within the tree, so that its settings hold; hidden, so that other commands pass it over. */
async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: ROOT, prefix: ".new_stage_" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function deno(...args: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, text);
  return text;
}

Deno.test("a new stage compiles, is formatted, and passes its tests", () =>
  withFolder(async (folder) => {
    const { code, out, err } = await run("word_count", "--dir", relative(ROOT, folder));
    assert.deepEqual([code, err], [0, ""]);
    const path = join(folder, "word_count");
    assert.match(out, /Wrote \.new_stage_\w+\/word_count\.\n {2}test it: +deno test -P \.new/);
    const files = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
    assert.deepEqual(files, ["README.md", "mod.ts", "mod_test.ts"]);
    const sources = ["mod.ts", "mod_test.ts"].map((file) => join(path, file));
    await deno("check", ...sources);
    await deno("lint", ...sources);
    await deno("fmt", "--check", ...sources, join(path, "README.md"));
    const tested = await deno("test", "-P", "--no-check", sources[1]);
    assert.match(tested, /ok \| 18 passed \| 0 failed/);
  }));

Deno.test("a new stage goes through the runner", () =>
  withFolder(async (folder) => {
    await run("word_count", "--dir", folder);
    const path = join(folder, "recipe.ts");
    await Deno.writeTextFile(
      path,
      `import { z } from "zod";
      import { defineRecipe } from "../core/recipe/mod.ts";
      import { defineStage, ports } from "../core/stage/mod.ts";
      import { word_count } from "./word_count/mod.ts";
      const made_up = defineStage({
        name: "made_up",
        version: "1",
        description: "One document.",
        config: z.strictObject({}),
        inputs: {},
        outputs: { train: ports.tokens },
        async run({ outputs }) {
          await outputs.train.write({
            source: ["general"],
            dataset: ["made_up"],
            tokens: { values: Uint16Array.of(5, 6, 0), offsets: Int32Array.of(0, 3) },
            loss_spans: { values: Uint32Array.of(0, 3), offsets: Int32Array.of(0, 2) },
            text_bytes: Int32Array.of(9),
          });
        },
      });
      export default defineRecipe({ name: "r", description: "", seed: 0 }, (recipe) => {
        const { train } = recipe.step("data", made_up, {});
        recipe.step("words", word_count, { inputs: { documents: train } });
      });`,
    );
    const pipeline = join(ROOT, "core/cli/run/pipeline.ts");
    const out = join(folder, "out");
    const flags = ["--recipe", path, "--out", out, "--port", "0"];
    const told = await deno("run", "-A", "--unstable-worker-options", pipeline, ...flags);
    assert.match(told, /words +word_count/);
    assert.equal([...Deno.readDirSync(join(out, "store/manifests"))].length, 2);
  }));

Deno.test("a folder that exists is left as it is", () =>
  withFolder(async (folder) => {
    const mine = join(folder, "mine");
    await Deno.mkdir(mine);
    const { code, err } = await run("mine", "--dir", folder);
    assert.equal(code, 2);
    assert.match(err, /mine exists already; choose another name/);
    assert.deepEqual([...Deno.readDirSync(mine)], []);
  }));

Deno.test("names that cannot be used, and folders elsewhere, are refused", () =>
  withFolder(async (folder) => {
    const refuses = async (args: string[], message: RegExp) => {
      const { code, err } = await run(...args);
      assert.deepEqual([code, message.test(err)], [2, true], err);
    };
    for (const name of ["WordCount", "word-count", "2words", "a__b", "../up", "class", "z", ""]) {
      const message = /cannot be the name of a stage; use snake_case/;
      await refuses([name, "--dir", folder], message);
    }
    await refuses(["word_count", "--dir", "/nowhere"], /not within .*; choose a --dir within/);
    await refuses(["word_count", "--dir", ".."], /not within/);
    await refuses([], /NAME is missing; see deno task new-stage --help/);
    await refuses(["a", "b"], /unexpected argument "b"/);
    await refuses(
      ["a", "--folder", "b"],
      /unknown flag --folder \(see deno task new-stage --help\)/,
    );
    assert.match((await run("--help")).out, /Usage: deno task new-stage NAME/);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

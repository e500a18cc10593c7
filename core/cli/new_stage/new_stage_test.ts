import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "./new_stage.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

function run(...args: string[]) {
  const out: string[] = [], err: string[] = [];
  const terminal = { is_terminal: false, color: false, columns: () => 80, write: () => 0 };
  const io = {
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
    terminal,
  };
  return { code: main(args, io), out: out.join("\n"), err: err.join("\n") };
}

/** A folder within the tree, so that its settings hold; hidden, so that other commands pass it over. */
async function withFolder(use: (folder: string) => Promise<void> | void): Promise<void> {
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
    const { code, out, err } = run("word_count", "--dir", relative(ROOT, folder));
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
    run("word_count", "--dir", folder);
    const path = join(folder, "recipe.ts");
    await Deno.writeTextFile(
      path,
      `import { z } from "zod";
      import { defineRecipe } from "../../core/recipe/mod.ts";
      import { defineStage, ports } from "../../core/stage/mod.ts";
      import { word_count } from "../word_count/mod.ts";
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
            prompt_length: Int32Array.of(0),
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
    const { code, err } = run("mine", "--dir", folder);
    assert.equal(code, 2);
    assert.match(err, /mine exists already; choose another name/);
    assert.deepEqual([...Deno.readDirSync(mine)], []);
  }));

Deno.test("names that are no names, and folders elsewhere, are refused", () =>
  withFolder((folder) => {
    for (const name of ["WordCount", "word-count", "2words", "a__b", "../up", "class", "z", ""]) {
      const { code, err } = run(name, "--dir", folder);
      assert.equal(code, 2, name);
      assert.match(err, /is not usable as the name of a stage; take snake_case/);
    }
    assert.match(run("word_count", "--dir", "/nowhere").err, /not within .*; give a --dir within/);
    assert.match(run("word_count", "--dir", "..").err, /not within/);
    assert.match(run().err, /give one name; see deno task new-stage --help/);
    assert.match(run("a", "b").err, /give one name/);
    assert.match(
      run("a", "--folder", "b").err,
      /unknown flag --folder; the flags are --dir, --help/,
    );
    assert.match(run("--help").out, /Usage: deno task new-stage NAME/);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

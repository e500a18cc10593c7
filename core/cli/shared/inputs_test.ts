import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";
import { main as inspect } from "../plan/inspect.ts";
import { main as pipeline } from "../run/pipeline.ts";
import { loadNamedRecipe } from "./inputs.ts";

const pathOf = (name: string) =>
  fileURLToPath(new URL(`../../recipe/testdata/${name}`, import.meta.url));

const command = (args: string[], run = pipeline) => runCommand(run, args);

Deno.test("--set counts for runs and plans, of TypeScript and of JSON alike", () =>
  withFolder(async (folder) => {
    const rest = ["--out", join(folder, "out"), "--port=0", "--quiet"];
    const [typescript, json] = ["toy_recipe.ts", "toy_recipe.json"].map(
      (name) => ["--recipe", pathOf(name), ...rest],
    );
    const set = ["--set", "low.limit=3", "--set=stage:sum.title=the sums"];
    const ran = await command([...typescript, ...set]);
    assert.deepEqual([ran.code, ran.out], [0, "\nthe sums\nlow 6\nsmall 6"], ran.err);
    const planned = async (args: string[]) => (await command([...args, "--dry-run"])).out;
    assert.match(await planned([...json, ...set]), /^0 of 4 steps would run/m);
    const plain = await planned(json);
    assert.match(plain, /^low .* config.limit changed 3 -> 10$/m);
    assert.match(plain, /^2 of 4 steps would run/m);
    const again = await command(json);
    assert.deepEqual([again.code, again.out], [0, "\nsum\nlow 55\nsmall 6"], again.err);
  }));

Deno.test("all problems of a recipe are printed, a line each", async () => {
  const set = ["--set", "low.limits=3", "--set=small.count=few"];
  for (const name of ["toy_recipe.ts", "toy_recipe.json"]) {
    const { code, err } = await command(["--recipe", pathOf(name), ...set]);
    assert.equal(code, 1);
    const [first, ...lines] = err.split("\n");
    assert.equal(first, `Error: recipe ${pathOf(name)} has 2 problems:`);
    assert.match(lines[0], /^ {2}--set low\.limits=3: .* no field "limits"; did you mean limit\?$/);
    assert.match(
      lines[1],
      /^ {2}step "small" .*config\.count must be an integer > 0, got "few" \(--set small\.count=few\)$/,
    );
    assert.equal(lines.length, 2);
  }
});

Deno.test("--set without a path or value is wrong usage", async () => {
  const toy = ["--recipe", pathOf("toy_recipe.ts")];
  for (
    const [flag, message] of [
      ["--set", "--set needs a value"],
      ["--set=", "--set needs a value"],
      ["--set=low.limit", '--set must be PATH=VALUE, such as sft.epochs=2, got "low.limit"'],
      ["--set==3", '--set must be PATH=VALUE, such as sft.epochs=2, got "=3"'],
    ]
  ) {
    const { code, err } = await command([...toy, flag]);
    assert.equal(code, 2);
    assert.match(err, new RegExp(`^Error: ${RegExp.escape(message)}`), flag);
  }
});

Deno.test("inspect takes the recipe as the pipeline does", async () => {
  const toy = ["--recipe", pathOf("toy_recipe.json")];
  const { code, err } = await command([...toy, "--set", "low.limit=3"], inspect);
  assert.deepEqual([code, err], [2, 'Error: recipe "toy" has no training step']);
  const wrong = await command([...toy, "--set", "lows.limit=3"], inspect);
  assert.match(
    wrong.err,
    /--set lows\.limit=3: there is no step "lows"; the steps are small, large, low, total;/,
  );
});

Deno.test("a recipe in JSON may use the built-in stages", async () => {
  const recipe = fileURLToPath(new URL("../../../recipes/own_data.json", import.meta.url));
  await withFolder(async (folder) => {
    const { code, out, err } = await command(["--recipe", recipe, "--out", folder, "--dry-run"]);
    assert.equal(code, 0, err);
    assert.match(out, /^tuned +sft +run +no earlier result$/m);
  });
});

Deno.test("a recipe is found in the folder where deno task was called, in JSON and YAML", async () => {
  const before = Deno.env.get("INIT_CWD");
  await withFolder(async (folder) => {
    // JSON is YAML.
    await Deno.copyFile("recipes/own_data.json", `${folder}/mine.yaml`);
    try {
      Deno.env.set("INIT_CWD", folder);
      const { url } = await loadNamedRecipe({ recipe: "mine.yaml" });
      assert.ok(url.endsWith("/mine.yaml"));
      assert.match(
        (await loadNamedRecipe({ recipe: "recipes/own_data.json" })).url,
        /own_data\.json$/,
      );
    } finally {
      if (before === undefined) Deno.env.delete("INIT_CWD");
      else Deno.env.set("INIT_CWD", before);
    }
  });
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { loadRecipe } from "../../recipe/mod.ts";
import { run } from "../../runner/mod.ts";
import { main, sparkline } from "./status.ts";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";

const recipeUrl = (name: string) =>
  new URL(`../../recipe/testdata/${name}.ts`, import.meta.url).href;

const status = (...args: string[]) => runCommand(main, args);

Deno.test("runs are listed, the newest first, and one is shown with its steps", () =>
  withFolder(async (out) => {
    const { id } = await run(await loadRecipe(recipeUrl("toy_recipe")), { out });
    const second = await run(await loadRecipe(recipeUrl("toy_recipe")), { out });
    const all = await status("--out", out);
    assert.equal(all.code, 0, all.err);
    const ids = all.out.split("\n").slice(1).map((line) => line.split(" ")[0]);
    assert.deepEqual(ids, [second.id, id]);
    assert.match(all.out, new RegExp(`${id} +finished +4/4 `));
    const one = await status(id, "--out", out);
    assert.match(one.out, /^large +numbers +[\d.:]+( s)? +0\.000/m);
    assert.match(one.out, /total: 2 sums/);
    assert.match((await status("toy", "--out", out)).out, new RegExp(`^${second.id}: finished`));
    const limited = await status("--limit", "1", "--out", out);
    assert.equal(limited.err, "1 more; show them with --limit");
    const json = JSON.parse((await status("latest", "--json", "--out", out)).out);
    assert.deepEqual([json.run, json.state, json.steps.length], [second.id, "finished", 4]);
    assert.equal((await status("--watch", "--out", out)).code, 0);
  }));

Deno.test("a run whose process is gone is lost, and --watch exits with 1", () =>
  withFolder(async (out) => {
    const { id } = await run(await loadRecipe(recipeUrl("toy_recipe")), { out });
    const path = join(out, "runs", id, "events.jsonl");
    const lines = Deno.readTextFileSync(path).trim().split("\n");
    Deno.writeTextFileSync(path, lines.slice(0, 3).join("\n") + "\n");
    const { code, out: text } = await status(id, "--watch", "--out", out);
    assert.equal(code, 1);
    assert.match(text, /: lost, the process ended unexpectedly/);
  }));

Deno.test("errors name what is missing, and what exists", () =>
  withFolder(async (out) => {
    assert.match(
      (await status("--out", out)).err,
      /there are no runs in .*; name the folder of the results with --out/,
    );
    await run(await loadRecipe(recipeUrl("toy_recipe")), { out });
    const cases: [string[], RegExp][] = [
      [["quickstart"], /no run or recipe "quickstart" in .*; recipes that ran there: toy$/],
      [["--limit", "0"], /--limit must be a whole number >= 1, got "0"/],
      [["toy", "more"], /unexpected argument "more"/],
      [["--all"], /unknown flag --all/],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await status(...args, "--out", out);
      assert.deepEqual([code, message.test(err)], [2, true], err);
    }
  }));

Deno.test("a curve is drawn from its highest value to its lowest", () => {
  assert.equal(sparkline([8, 7, 6, 5, 4, 3, 2, 1]), "█▇▆▅▄▃▂▁");
  assert.equal(sparkline([1, 1]), "▁▁");
  assert.equal(sparkline(Array.from({ length: 400 }, (_, i) => -i)).length, 40);
});

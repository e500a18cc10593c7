import assert from "node:assert/strict";
import { join } from "node:path";
import { loadRecipe } from "../../recipe/mod.ts";
import { run } from "../../runner/mod.ts";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";
import { main } from "./show.ts";

const TOY = new URL("../../recipe/testdata/toy_recipe.ts", import.meta.url).href;

const show = (...args: string[]) => runCommand(main, args);

Deno.test("a result is shown as a table, CSV, JSON or paths", () =>
  withFolder(async (out) => {
    const { id } = await run(await loadRecipe(TOY), { out });
    const all = await show("--out", out);
    assert.deepEqual([all.code, all.err], [0, ""]);
    assert.match(all.out, new RegExp(`^${id}\n\n`));
    assert.match(all.out, /^small\.data +3 rows +\d+ B$/m);
    assert.match(all.out, /^total\.report +1 file +/m);

    const table = await show("small.data", "--out", out);
    assert.equal(table.out, "n\n1\n2\n3");
    assert.equal((await show("toy/small", "--out", out)).out, table.out);
    assert.equal((await show(`${id}/small.data`, "--out", out)).out, table.out);
    const short = await show("small", "--rows", "2", "--out", out);
    assert.match(short.out, /\n1 more row; show them with --rows, or use --csv$/);

    const csv = (await show("small", "--csv", "--out", out)).out.split(/\r?\n/);
    const objects = JSON.parse((await show("small", "--json", "--out", out)).out);
    assert.deepEqual([csv.length, objects.length], [4, 3]);
    assert.deepEqual([csv[1], objects[0]], ["1", { n: 1 }]);
    const path = (await show("small", "--path", "--out", out)).out;
    assert.ok(path.startsWith(join(out, "store")) && Deno.statSync(path).isFile, path);
    assert.match((await show("total", "--path", "--out", out)).out, /^summary\.txt\t.*objects/);
  }));

Deno.test("names that fit nothing, or several results, are refused with those there are", () =>
  withFolder(async (out) => {
    await run(await loadRecipe(TOY), { out });
    const cases: [string[], RegExp][] = [
      [["huge"], /has no result "huge"; it has small\.data, /],
      [["other/small"], /has no result "other\/small"; it has small\.data/],
      [["--csv"], /"latest" is \d results, of which --csv takes one: small\.data, /],
      [["total", "--csv"], /is files, not a table; --path prints where they are/],
      [["small", "--csv", "--json"], /give one of --csv, --json and --path/],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await show(...args, "--out", out);
      assert.deepEqual([code, message.test(err)], [2, true], err);
    }
  }));

import assert from "node:assert/strict";
import { join } from "node:path";
import { loadRecipe } from "@causeway/core/recipe";
import { run } from "@causeway/core/runner";
import { withFolder } from "../tests/shared/commands.ts";
import { findPython } from "../tests/shared/python.ts";

const python = findPython(["pandas", "pyarrow"]);

Deno.test({
  name: "the Python of docs/results.md reads all tables of a run",
  ignore: python === undefined,
  fn: () =>
    withFolder(async (folder) => {
      const recipe = new URL("../tests/shared/tiny_recipe.ts", import.meta.url).href;
      await run(await loadRecipe(recipe), { out: join(folder, "out") });
      const page = Deno.readTextFileSync(new URL("results.md", import.meta.url));
      const [, code] = /```python\n(.*?)```/s.exec(page)!;
      const script = code.replace('results("quickstart")', 'results("tiny")');
      const command = new Deno.Command(python!, { args: ["-c", script], cwd: folder });
      const { code: exit, stdout, stderr } = await command.output();
      assert.equal(exit, 0, new TextDecoder().decode(stderr));
      const lines = new TextDecoder().decode(stdout).trim().split("\n");
      assert.match(lines[0], /^source +sums$/);
      assert.deepEqual(lines.slice(2).map((line) => line.split(/\s+/)[0]), ["trunk", "tuned"]);
    }),
});

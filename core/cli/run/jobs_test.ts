import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { Child, type ChildOptions, type Ending } from "../../../tests/faults/child.ts";
import { digests, leftovers, reported } from "../../../tests/faults/traces.ts";
import { loadRecipe, recipeUrl } from "../../recipe/mod.ts";
import { run } from "../../runner/mod.ts";
import { main } from "./pipeline.ts";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";

const recipe = fileURLToPath(new URL("../../recipe/testdata/arms_recipe.ts", import.meta.url));
const ARMS: ChildOptions = { recipe, args: ["--jobs", "2"] };

/** Starts the arms and sends a signal once both run, and some milliseconds have gone by. */
async function stopped(out: string, signal: Deno.Signal, after_ms = 0): Promise<Ending> {
  let printed = "";
  const child = new Child(out, {
    ...ARMS,
    on_output(text) {
      const ran = bothRun(printed);
      printed += text;
      if (ran || !bothRun(printed)) return;
      reported(out, ["left", "right"], child.ended)
        .then(() => setTimeout(() => child.kill(signal), after_ms));
    },
  });
  return await child.ended;
}

const bothRun = (text: string) => text.includes("> left") && text.includes("> right");

async function assertAsOneAtATime(out: string, folder: string) {
  const alone = join(folder, "alone");
  await run(await loadRecipe(recipeUrl(recipe)), { out: alone });
  const contents = async (out: string) => [
    ...await digests(join(out, "store")),
    ...await digests(join(out, "arms")),
    Deno.readTextFileSync(join(out, "lock.json")),
  ];
  assert.deepEqual((await contents(out)).sort(), (await contents(alone)).sort());
  assert.deepEqual(leftovers(out), []);
}

const ignore = Deno.build.os === "windows" || navigator.hardwareConcurrency < 2;

Deno.test({
  name: "killed repeatedly while two arms run, the results are those of one at a time",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const out = join(folder, "out");
      for (const after of [50, 200]) {
        const { code, signal } = await stopped(out, "SIGKILL", after);
        assert.deepEqual([code, signal], [137, "SIGKILL"]);
      }
      const { code, err } = await new Child(out, ARMS).ended;
      assert.equal(code, 0, err);
      await assertAsOneAtATime(out, folder);
    }),
});

Deno.test({
  name: "Ctrl-C and SIGTERM stop both arms at their checkpoints, with the usual exit codes",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const out = join(folder, "out");
      for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
        const ending = await stopped(out, signal);
        assert.equal(ending.code, code, ending.err);
        const plan = await runCommand(main, ["--recipe", recipe, "--out", out, "--dry-run"]);
        assert.equal(plan.out.match(/resumes from its checkpoint/g)?.length, 2, plan.out);
      }
      const { code, err } = await new Child(out, ARMS).ended;
      assert.equal(code, 0, err);
      await assertAsOneAtATime(out, folder);
    }),
});

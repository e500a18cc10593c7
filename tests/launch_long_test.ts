/**
 * Pipelines whose tasks are separate processes on this machine.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { listFolder } from "@causeway/core/store";
import { done, eventsOf, Hold, Pipeline, results } from "./shared/launchers.ts";
import { withFolder } from "./shared/commands.ts";
import { until } from "./shared/slurm.ts";

const FAULTY = fileURLToPath(
  new URL("../core/recipe/testdata/faulty_recipe.ts", import.meta.url),
);
const LOCAL = { name: "local" };

/** Waits until both arms have reported. */
async function underWay(out: string): Promise<void> {
  const reported = (step: string) =>
    eventsOf(out).some((event) => event.type === "report" && event.step === step);
  await until(() => reported("left") && reported("right"), "reports");
}

Deno.test("tasks in separate processes give the same results, and continue after a stop and a kill", () =>
  withFolder(async (folder) => {
    const alone = join(folder, "alone"), out = join(folder, "out");
    const hold = new Hold(folder);
    await done(new Pipeline(undefined, alone, ...hold.args));
    hold.start();
    const first = new Pipeline(LOCAL, out, "--jobs=2", ...hold.args);
    await underWay(out);
    first.kill("SIGTERM");
    const { code, err } = await first.ended;
    assert.equal(code, 143, err);
    assert.match(
      err,
      /Stopping at the next checkpoint …[^]*Stopped by SIGTERM\. Run the same command/,
    );
    assert.equal(listFolder(join(out, "store/work")).length, 2);

    const second = new Pipeline(LOCAL, out, "--jobs=2", ...hold.args);
    await underWay(out);
    second.kill("SIGKILL");
    await second.ended;
    hold.end();
    // Processes that the killed pipeline started may still run; nothing is computed twice at a time.
    const third = await done(new Pipeline(LOCAL, out, "--jobs=2", ...hold.args));
    assert.doesNotMatch(third, /raw {2}runs/);
    assert.deepEqual(results(out), results(alone));
  }));

Deno.test("a task that fails in its process fails the run with its message", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    const { code, err } = await new Pipeline(LOCAL, out, "--recipe", FAULTY, "--only", "throw")
      .ended;
    assert.equal(code, 1);
    assert.match(err, /Error: step "throw" \(stage faulty\) failed: no data available\n$/);
    const exits = await new Pipeline(LOCAL, out, "--recipe", FAULTY, "--only", "exit").ended;
    assert.match(exits.err, /step "exit" .* failed: the stage tried to end the process/);
  }));

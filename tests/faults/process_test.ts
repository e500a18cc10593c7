import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { RunFolder } from "@causeway/core/runs";
import { Child, pipeline } from "./child.ts";
import { withFolder } from "../shared/commands.ts";
import { resultsOf, runSmall, SMALL_RECIPE } from "./small.ts";
import { eventsOf, runIds } from "./traces.ts";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const SPIN = path("../../core/recipe/testdata/spin_recipe.ts");
const HUNGRY = path("./hungry_recipe.ts");

Deno.test("a second runner is refused without harm; the first finishes", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    const started = Promise.withResolvers<void>();
    const hold = join(folder, "hold");
    Deno.writeTextFileSync(hold, "");
    const first = new Child(out, {
      recipe: SPIN,
      args: ["--set", "busy.milliseconds=20", "--set", `busy.hold=${hold}`],
      on_output: (text) => text.includes("busy") && started.resolve(),
    });
    await started.promise;
    const seconds = await Promise.all([
      pipeline(out, { recipe: SPIN }),
      pipeline(out, { recipe: fileURLToPath(SMALL_RECIPE) }),
    ]);
    for (const { code, err } of seconds) {
      assert.equal(code, 1);
      assert.match(err, /\nError: another pipeline \(process \d+\) is running in .*; wait for it/);
    }
    Deno.removeSync(hold);
    assert.equal((await first.ended).code, 0);
    assert.equal(runIds(out).length, 1);
  }));

Deno.test("a task that runs out of memory ends the process; the run is lost, its finished tasks are kept", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    const deno = ["--v8-flags=--max-old-space-size=60"];
    const { code, err } = await pipeline(out, { recipe: HUNGRY, deno });
    assert.notEqual(code, 0);
    assert.match(err, /out of memory/);
    const [id] = runIds(out);
    const state = await new RunFolder(out).get(id);
    assert.equal(state!.state, "lost");
    assert.equal(state!.steps[0].state, "finished");
    assert.equal((await pipeline(out, { recipe: HUNGRY })).code, 0);
    const [, second] = runIds(out);
    assert.deepEqual(
      (await new RunFolder(out).get(second))!.steps.map((step) => step.state),
      ["skipped", "finished"],
    );
  }));

/** Calls a function with another clock. */
async function withClock<T>(now: () => number, use: () => Promise<T>): Promise<T> {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...args: [] | [number | string]) {
      super(...(args.length === 0 ? [now()] : args) as [number]);
    }
    static override now = now;
  } as DateConstructor;
  try {
    return await use();
  } finally {
    globalThis.Date = RealDate;
  }
}

Deno.test("a clock that jumps keeps runs and events in order", () =>
  withFolder(async (folder) => {
    const [steady, out] = [join(folder, "steady"), join(folder, "out")];
    await runSmall(steady);
    const noon = Date.UTC(2026, 0, 31, 12);
    await withClock(() => noon, () => runSmall(out));
    let now = noon;
    // Every reading of the clock is a second earlier.
    await withClock(() => now -= 1000, async () => {
      const { error, steps } = await runSmall(out);
      assert.equal(error, undefined);
      assert.equal(steps, "count skipped, add skipped, write skipped");
      Deno.removeSync(join(out, "store/manifests"), { recursive: true });
      assert.equal((await runSmall(out)).steps, "count finished, add finished, write finished");
    });
    await withClock(() => Date.UTC(1970, 0, 1), () => runSmall(out));
    assert.deepEqual(runIds(out), [
      "20260131T120000Z-faults",
      "20260131T120001Z-faults",
      "20260131T120002Z-faults",
      "20260131T120003Z-faults",
    ]);
    for (const id of runIds(out)) {
      const times = eventsOf(out, id).map(({ time }) => time);
      assert.deepEqual(times, times.toSorted((a, b) => a - b));
      const { state, started_at, ended_at } = (await new RunFolder(out).get(id))!;
      assert.deepEqual([state, ended_at! >= started_at], ["finished", true]);
    }
    assert.deepEqual(await resultsOf(out), await resultsOf(steady));
  }));

Deno.test("an event log that is cut anywhere is read up to the cut", () =>
  withFolder(async (out) => {
    await runSmall(out);
    const [id] = runIds(out);
    const log = join(out, "runs", id, "events.jsonl");
    const whole = Deno.readFileSync(log);
    const first = whole.indexOf(10) + 1;
    for (let length = 0; length < whole.length; length += 97) {
      Deno.writeFileSync(log, whole.subarray(0, length));
      const state = await new RunFolder(out).get(id);
      assert.equal(state?.state, length < first ? undefined : "lost", `${length} bytes`);
    }
    assert.equal((await runSmall(out)).steps, "count skipped, add skipped, write skipped");
  }));

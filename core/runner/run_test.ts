import assert from "node:assert/strict";
import { join } from "node:path";
import { listFolder } from "../store/mod.ts";
import { RowReader } from "../arrow/mod.ts";
import { defineStage } from "../stage/mod.ts";
import type { RunEvent } from "../runs/mod.ts";
import { type Executor, inlineExecutor } from "./execute.ts";
import { isLocked, lockFolder } from "../runs/mod.ts";
import { selectSteps } from "./plan.ts";
import { checkRecipe, defineRecipe } from "../recipe/mod.ts";
import { run } from "./run.ts";
import { RunFolder } from "../runs/mod.ts";
import { storeOf, verify } from "./verify.ts";
import { clip, faulty, numbers, spin, sum } from "../recipe/testdata/stages.ts";

async function withFolder(use: (out: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await use(join(folder, "out"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function makeRecipe({ count = 50, limit = 10, title = "sums" } = {}) {
  return defineRecipe({ name: "test", description: "", seed: 1 }, (recipe) => {
    const raw = recipe.step("raw", numbers, { config: { count } });
    const low = recipe.step("low", clip, { config: { limit }, inputs: { data: raw.data } });
    const total = recipe.step("total", sum, {
      config: { title },
      inputs: { parts: { b: low.data, a: low.data } },
    });
    recipe.publish(total.report);
  });
}

const outcome = (steps: readonly { id: string; state: string }[]) =>
  steps.map(({ id, state }) => `${id} ${state}`).join(", ");

const ALL_SKIPPED = "raw skipped, low skipped, total skipped";

function outputDigest(out: string, step: string, output: string): string {
  const store = storeOf(out);
  const lock = JSON.parse(Deno.readTextFileSync(join(out, "lock.json")));
  return store.readManifest(lock.recipes.test.steps[step])!.outputs[output].digest;
}

function flip(path: string) {
  Deno.chmodSync(path, 0o644);
  const bytes = Deno.readFileSync(path);
  bytes[bytes.length >> 1] ^= 1;
  Deno.writeFileSync(path, bytes);
}

Deno.test("a recipe runs, publishes, and is skipped the second time", () =>
  withFolder(async (out) => {
    const first = await run(makeRecipe(), { out });
    assert.equal(outcome(first.steps), "raw finished, low finished, total finished");
    assert.deepEqual(first.published, ["test/summary.txt"]);
    assert.equal(Deno.readTextFileSync(join(out, "test/summary.txt")), "sums\na 55\nb 55\n");
    const second = await run(makeRecipe(), { out });
    assert.equal(outcome(second.steps), ALL_SKIPPED);
    assert.deepEqual(listFolder(join(out, "store/tmp")), []);
    assert.deepEqual(listFolder(join(out, "store/work")), []);
  }));

Deno.test("only what depends on a change runs; equal results cut it off early", () =>
  withFolder(async (out) => {
    await run(makeRecipe(), { out });
    const limit = await run(makeRecipe({ limit: 4 }), { out });
    assert.equal(outcome(limit.steps), "raw skipped, low finished, total finished");
    const count = await run(makeRecipe({ limit: 4, count: 60 }), { out });
    assert.equal(outcome(count.steps), "raw finished, low finished, total skipped");
    assert.deepEqual(count.steps[2].reasons, ["inputs are unchanged"]);
    const back = await run(makeRecipe(), { out });
    assert.equal(outcome(back.steps), ALL_SKIPPED);
    assert.equal(Deno.readTextFileSync(join(out, "test/summary.txt")), "sums\na 55\nb 55\n");
  }));

Deno.test("two fresh folders get the same bytes", () =>
  withFolder(async (out) => {
    const objects = async (folder: string) => {
      await run(makeRecipe(), { out: folder });
      const root = join(folder, "store/objects");
      const manifests = listFolder(join(folder, "store/manifests"));
      return [listFolder(root).flatMap((part) => listFolder(join(root, part))), manifests];
    };
    assert.deepEqual(await objects(out), await objects(`${out}2`));
  }));

Deno.test("a damaged object is detected and moved away, and the step runs again with that reason", () =>
  withFolder(async (out) => {
    await run(makeRecipe(), { out });
    const digest = outputDigest(out, "raw", "data");
    const path = storeOf(out).objectPath(digest);
    flip(path);
    const dry = await verify(makeRecipe(), out);
    assert.match(dry.steps[0].reasons[0], /^artifact damaged \(output data/);
    assert.ok(Deno.statSync(path).isFile);
    const state = await run(makeRecipe(), { out });
    assert.equal(outcome(state.steps), "raw finished, low skipped, total skipped");
    assert.match(state.steps[0].reasons[0], /^artifact damaged/);
    assert.deepEqual(listFolder(join(out, "store/damaged")), [digest]);
    Deno.removeSync(path);
    const again = await run(makeRecipe(), { out });
    assert.match(again.steps[0].reasons[0], /^artifact missing/);
    assert.equal(outcome((await run(makeRecipe(), { out })).steps), ALL_SKIPPED);
  }));

Deno.test("a damaged file in a files artifact is detected", () =>
  withFolder(async (out) => {
    await run(makeRecipe(), { out });
    const store = storeOf(out);
    const summary = Deno.readFileSync(join(out, "test/summary.txt"));
    flip(store.objectPath(store.put(summary).digest));
    const state = await run(makeRecipe(), { out });
    assert.equal(outcome(state.steps), "raw skipped, low skipped, total finished");
  }));

Deno.test("a stage with a new output but the same version runs again", () =>
  withFolder(async (out) => {
    await run(makeRecipe(), { out });
    const digest = outputDigest(out, "raw", "data");
    const extra = defineStage({
      ...numbers,
      inspect: undefined,
      forecast: undefined,
      outputs: { ...numbers.outputs, extra: numbers.outputs.data },
      async run(ctx) {
        await numbers.run(ctx);
        await ctx.outputs.extra.write({ n: Int32Array.of(9) });
      },
    });
    const recipe = defineRecipe({ name: "test", description: "", seed: 1 }, (recipe) => {
      const raw = recipe.step("raw", extra, { config: { count: 50 } });
      recipe.step("low", clip, { config: { limit: 10 }, inputs: { data: raw.extra } });
    });
    const state = await run(recipe, { out });
    assert.equal(outcome(state.steps), "raw finished, low finished");
    assert.match(state.steps[0].reasons[0], /^its outputs changed \(extra is new\)/);
    assert.equal(outputDigest(out, "raw", "data"), digest);
    assert.equal(outcome((await run(recipe, { out })).steps), "raw skipped, low skipped");
  }));

Deno.test("stray files among the folders are ignored", () =>
  withFolder(async (out) => {
    await run(makeRecipe(), { out });
    for (const folder of ["runs", "store/work", "store/manifests", "store/objects"]) {
      Deno.writeTextFileSync(join(out, folder, ".DS_Store"), "");
    }
    Deno.mkdirSync(join(out, "runs/other"));
    Deno.writeTextFileSync(join(out, "runs/other/.DS_Store"), "");
    const { id, steps } = await run(makeRecipe(), { out });
    assert.equal(outcome(steps), ALL_SKIPPED);
    const folder = new RunFolder(out);
    assert.equal(folder.ids().length, 2);
    assert.equal((await folder.get(id))!.state, "finished");
  }));

Deno.test("published files that are no longer produced are removed, others are kept", () =>
  withFolder(async (out) => {
    await run(makeRecipe(), { out });
    const lock_path = join(out, "lock.json");
    const lock = JSON.parse(Deno.readTextFileSync(lock_path));
    lock.recipes.test.published.push("test/old.svg");
    Deno.writeTextFileSync(lock_path, JSON.stringify(lock));
    Deno.writeTextFileSync(join(out, "test/old.svg"), "");
    Deno.writeTextFileSync(join(out, "test/notes.txt"), "mine");
    await run(makeRecipe(), { out });
    assert.deepEqual(listFolder(join(out, "test")), ["notes.txt", "summary.txt"]);
  }));

Deno.test("a published table is an Arrow file and a CSV file, which later runs keep up to date", () =>
  withFolder(async (out) => {
    const recipe = (limit: number) =>
      defineRecipe({ name: "test", description: "", seed: 1 }, (recipe) => {
        const { data } = recipe.step("raw", numbers, { config: { count: 4 } });
        recipe.publish(recipe.step("low", clip, { config: { limit }, inputs: { data } }).data);
      });
    const state = await run(recipe(3), { out });
    const [arrow, csv] = ["test/tables/low.data.arrow", "test/tables/low.data.csv"];
    assert.deepEqual(state.published, [arrow, csv]);
    const table = new RowReader([join(out, arrow)], arrow);
    const rows = [...table.read(table.columns, 0, table.rows)].flat();
    const read = () => Deno.readTextFileSync(join(out, csv)).trimEnd().split("\r\n");
    assert.deepEqual(read().slice(1), rows.map(String));
    assert.equal(read()[0], table.columns.map(({ name }) => name).join());
    await run(recipe(2), { out });
    assert.equal(read().length, table.rows);
  }));

Deno.test("a part of a recipe can run alone", () =>
  withFolder(async (out) => {
    const recipe = makeRecipe();
    const state = await run(recipe, { out, only: selectSteps(await checkRecipe(recipe), "low") });
    assert.equal(outcome(state.steps), "raw finished, low finished");
    assert.deepEqual(state.published, []);
  }));

Deno.test("a step that is asked to run again does, and what reads it is cut off where nothing changed", () =>
  withFolder(async (out) => {
    await run(makeRecipe(), { out });
    const before = outputDigest(out, "low", "data");
    const again = await run(makeRecipe(), { out, again: new Set(["low"]) });
    assert.equal(outcome(again.steps), "raw skipped, low finished, total skipped");
    assert.deepEqual(again.steps[1].reasons, ["asked to run again"]);
    assert.equal(outputDigest(out, "low", "data"), before);
    assert.equal(outcome((await run(makeRecipe(), { out })).steps), ALL_SKIPPED);
  }));

Deno.test("the error of a failing stage names its step; results of finished steps are kept", () =>
  withFolder(async (out) => {
    const messages = {
      throw: /^step "bad" \(stage faulty\) failed: no data available$/,
      unwritten: /failed: output "data" was never written; write an empty batch/,
      port: /failed: stage faulty declares no output "other"; its outputs are data/,
      column: /failed: output "data": column "m" is not declared; the port declares n/,
    };
    for (const [how, message] of Object.entries(messages)) {
      const recipe = defineRecipe({ name: "test", description: "", seed: 1 }, (recipe) => {
        recipe.step("good", numbers, { config: { count: 1 } });
        recipe.step("bad", faulty, { config: { how: how as "throw" } });
      });
      const events: RunEvent[] = [];
      const onEvent = (event: RunEvent) => events.push(event);
      await assert.rejects(run(recipe, { out, onEvent }), { name: "StepFailed", message });
      assert.deepEqual(events.slice(-2).map((event) => event.type), ["step_failed", "run_failed"]);
      assert.deepEqual(listFolder(join(out, "store/tmp")), []);
      assert.equal(listFolder(join(out, "store/manifests")).length, 1);
    }
  }));

Deno.test("an interrupted step resumes from its checkpoint", () =>
  withFolder(async (out) => {
    const recipe = defineRecipe({ name: "test", description: "", seed: 1 }, (recipe) => {
      recipe.step("busy", spin, { config: { milliseconds: 50 } });
    });
    const controller = new AbortController();
    const signal = controller.signal;
    const onEvent = ({ type }: RunEvent) =>
      type === "report" && controller.abort(new Error("stop"));
    await assert.rejects(run(recipe, { out, signal, onEvent }), { name: "Interrupted" });
    const { steps } = await verify(recipe, out);
    assert.deepEqual(steps[0].reasons, [
      "no earlier result",
      "interrupted, resumes from its checkpoint",
    ]);
    const state = await run(recipe, { out });
    assert.equal(outcome(state.steps), "busy finished");
    const { readColumn } = await import("../arrow/mod.ts");
    const path = storeOf(out).objectPath(outputDigest(out, "busy", "data"));
    assert.deepEqual(await readColumn(path, "n", "int32"), Int32Array.of(1));
    assert.deepEqual(listFolder(join(out, "store/work")), []);
  }));

Deno.test("a stop request takes effect while results are verified, with its reason as the cause", () =>
  withFolder(async (out) => {
    await run(makeRecipe(), { out });
    const reason = new Error("the deadline");
    const { name, cause } = await run(makeRecipe(), { out, signal: AbortSignal.abort(reason) })
      .catch((error) => error);
    assert.deepEqual([name, cause], ["Interrupted", reason]);
    assert.equal(new RunFolder(out).ids().length, 1, "the second run has not begun");
  }));

Deno.test("checkpoints of a finished step, left by a killed runner, are removed", () =>
  withFolder(async (out) => {
    await run(makeRecipe(), { out });
    const key = listFolder(join(out, "store/manifests"))[0].replace(".json", "");
    Deno.mkdirSync(join(out, "store/work", key, "step-000000000001"), { recursive: true });
    assert.equal(outcome((await run(makeRecipe(), { out })).steps), ALL_SKIPPED);
    assert.deepEqual(listFolder(join(out, "store/work")), []);
  }));

Deno.test("ids of runs that start within a second sort in their order", () =>
  withFolder(async (out) => {
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push((await run(makeRecipe(), { out })).id);
    assert.deepEqual(new RunFolder(out).ids().toReversed(), ids);
    assert.equal(new Set(ids).size, 3);
  }));

Deno.test("an error after the request to stop is a failure, not a clean stop", () =>
  withFolder(async (out) => {
    const recipe = makeRecipe();
    const stopWith = async (thrown: (reason: unknown) => unknown) => {
      const controller = new AbortController();
      const executor: Executor = () => {
        controller.abort(new Error("stop"));
        return Promise.reject(thrown(controller.signal.reason));
      };
      const { signal } = controller;
      return await run(recipe, { out, executor, signal }).catch((error) => error);
    };
    const full = Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
    const failed = await stopWith(() => full);
    assert.deepEqual([failed.name, failed.code], ["StepFailed", "ENOSPC"]);
    assert.match((await stopWith(() => undefined)).message, /failed: undefined$/);
    assert.equal((await stopWith((reason) => reason)).name, "Interrupted");
  }));

Deno.test("one runner per folder; the lock of a dead process is ignored", () =>
  withFolder(async (out) => {
    Deno.mkdirSync(out);
    Deno.writeTextFileSync(join(out, "runner.lock"), "999999\n");
    assert.equal(isLocked(out), false);
    const lock = await lockFolder(out);
    assert.equal(isLocked(out), true);
    const message = new RegExp(`another pipeline \\(process ${Deno.pid}\\) is running in`);
    await assert.rejects(run(makeRecipe(), { out }), { message });
    lock.unlock();
    await run(makeRecipe(), { out });
  }));

Deno.test("a killed run is lost while the next runner still plans", () =>
  withFolder(async (out) => {
    const folder = new RunFolder(out);
    const during: (string | undefined)[] = [];
    const executor: Executor = async (step, job, listener, signal) => {
      during.push((await folder.get(folder.ids()[0]))?.state);
      return await inlineExecutor(step, job, listener, signal);
    };
    const { id } = await run(makeRecipe(), { out, executor });
    assert.deepEqual(during, ["running", "running", "running"]);
    const path = join(out, "runs", id, "events.jsonl");
    const lines = Deno.readTextFileSync(path).trim().split("\n");
    Deno.writeTextFileSync(path, lines.slice(0, 3).join("\n") + "\n");
    const lock = await lockFolder(out);
    const state = async () => (await new RunFolder(out).get(id))!.state;
    assert.equal(await state(), "lost");
    lock.setRun("another");
    assert.equal(await state(), "lost");
    lock.unlock();
    assert.equal(await state(), "lost");
  }));

Deno.test("the error of a damaged lock.json names the fix", () =>
  withFolder(async (out) => {
    await run(makeRecipe(), { out });
    for (const text of ["{", "{}", '{"format":1,"recipes":{"test":{}}}']) {
      Deno.writeTextFileSync(join(out, "lock.json"), text);
      await assert.rejects(run(makeRecipe(), { out }), /lock.json is damaged; delete it/);
    }
  }));

Deno.test("all metrics are kept, in few messages", () =>
  withFolder(async (out) => {
    const recipe = defineRecipe({ name: "test", description: "", seed: 1 }, (recipe) => {
      recipe.step("busy", spin, { config: { milliseconds: 300, slice: 1 } });
    });
    const reports: (RunEvent & { type: "report" })[] = [];
    const began = performance.now();
    await run(recipe, { out, onEvent: (e) => e.type === "report" && reports.push(e) });
    const seconds = (performance.now() - began) / 1000;
    const points = reports.flatMap((report) => report.points);
    assert.deepEqual(points.map(([done]) => done), Array.from({ length: 300 }, (_, i) => i + 1));
    assert.ok(reports.length <= 2 + 10 * seconds, `${reports.length} messages in ${seconds} s`);
  }));

Deno.test("stages see labels sorted, whatever the order in the recipe", () =>
  withFolder(async (out) => {
    const seen: string[][] = [];
    const executor: Executor = (step, job, listener, signal) => {
      if (step.id === "total") seen.push(Object.keys(job.inputs.parts));
      return import("./execute.ts").then((m) => m.inlineExecutor(step, job, listener, signal));
    };
    await run(makeRecipe(), { out, executor });
    assert.deepEqual(seen, [["a", "b"]]);
  }));

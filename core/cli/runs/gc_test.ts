import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { Random } from "../../random/mod.ts";
import { checkRecipe, defineRecipe, type RecipeDraft } from "../../recipe/mod.ts";
import { inlineExecutor, Interrupted, run, selectSteps } from "../../runner/mod.ts";
import { lockFolder, type RunEvent } from "../../runs/mod.ts";
import { defineStage, files, many } from "../../stage/mod.ts";
import { listFolder, Store } from "../../store/mod.ts";
import { main } from "./gc.ts";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";

const text = files("text", "a text");

/** Writes its config; continues from a checkpoint when it was interrupted. */
const write = defineStage({
  name: "write",
  version: "1",
  description: "Writes a text.",
  config: z.strictObject({ text: z.string() }),
  inputs: {},
  outputs: { text },
  async run({ config, outputs, checkpoints, signal, log }) {
    const saved = await checkpoints.latest();
    if (saved) log(`resuming at ${saved.step}`);
    if (signal.aborted) {
      await checkpoints.save(5, { text: new TextEncoder().encode(config.text) });
      throw signal.reason;
    }
    await outputs.text.write("text.txt", config.text);
  },
});

/** Joins texts and cuts the result, so that different inputs can give the same output. */
const join_texts = defineStage({
  name: "join_texts",
  version: "1",
  description: "Joins texts.",
  config: z.strictObject({ length: z.number() }),
  inputs: { parts: many(text) },
  outputs: { text },
  async run({ config, inputs, outputs }) {
    let all = "";
    for (const part of Object.values(inputs.parts)) all += await part.text("text.txt");
    await outputs.text.write("text.txt", all.slice(0, config.length));
  },
});

/** Two texts, joined, and joined again. */
function makeRecipe(name: string, [a, b]: readonly [string, string], length: number): RecipeDraft {
  return defineRecipe({ name, description: "Joins texts.", seed: 1 }, (recipe) => {
    const one = recipe.step("a", write, { config: { text: a } });
    const two = recipe.step("b", write, { config: { text: b } });
    const short = recipe.step("short", join_texts, {
      config: { length },
      inputs: { parts: { one: one.text, two: two.text } },
    });
    const all = recipe.step("all", join_texts, {
      config: { length: 100 },
      inputs: { parts: { short: short.text, two: two.text } },
    });
    recipe.publish(all.text);
  });
}

const withOut = (use: (out: string) => Promise<void>) =>
  withFolder((folder) => use(join(folder, "out")));

const gc = (...args: string[]) => runCommand(main, args);

/** Runs a recipe; returns the events. */
async function runRecipe(recipe: RecipeDraft, out: string, interrupt_at?: string, only?: string) {
  const events: RunEvent[] = [];
  const controller = new AbortController();
  const running = run(recipe, {
    out,
    executor: inlineExecutor,
    signal: controller.signal,
    only: only === undefined ? undefined : selectSteps(await checkRecipe(recipe), only),
    onEvent(event) {
      events.push(event);
      const stops = event.type === "step_started" && event.step === interrupt_at;
      if (stops) controller.abort(new Interrupted());
    },
  });
  await running.catch((error) => assert.ok(error instanceof Interrupted, String(error)));
  return events;
}

const ran = (events: RunEvent[]) =>
  events.flatMap((event) => event.type === "step_started" ? [event.step] : []);

Deno.test("results of an earlier config are listed, and removed only with --delete", () =>
  withOut(async (out) => {
    const [before, after] = [["x", "y"], ["z", "y"]] as const;
    await runRecipe(makeRecipe("toy", before, 10), out);
    assert.deepEqual(await gc("--out", out), {
      code: 0,
      out: "Nothing to remove.",
      err: "",
    });
    const left = join(out, "exports", ".toy-partialAb12");
    Deno.mkdirSync(left, { recursive: true });
    Deno.writeTextFileSync(join(left, ".causeway-partial"), "");
    await runRecipe(makeRecipe("toy", after, 10), out);
    const listed = await gc("--out", out);
    assert.match(listed.out, /^temporary +\.toy-partialAb12 +0 B +left by an interrupted export$/m);
    assert.equal(listed.code, 0, listed.err);
    assert.match(listed.out, /^what +name +size +why\n/);
    assert.match(
      listed.out,
      /^result +write [0-9a-f]{12} +\d+ B +no recipe's last results need it$/m,
    );
    assert.match(listed.out, /^objects +6 +[\d.]+ kB +no needed result refers to it$/m);
    assert.match(listed.out, /\n[\d.]+ kB can be removed; run again with --delete\.$/);
    assert.deepEqual(await gc("--out", out), listed);
    const removed = await gc("--out", out, "--delete");
    assert.match(removed.out, /\nRemoved [\d.]+ kB\.$/);
    assert.deepEqual(listFolder(join(out, "exports")), []);
    assert.equal((await gc("--out", out)).out, "Nothing to remove.");
    assert.deepEqual(ran(await runRecipe(makeRecipe("toy", after, 10), out)), []);
    assert.equal(Deno.readTextFileSync(join(out, "toy", "text.txt")), "zyy");
    assert.deepEqual(ran(await runRecipe(makeRecipe("toy", before, 10), out)), [
      "a",
      "short",
      "all",
    ]);
  }));

Deno.test("all recipes count, or those named", () =>
  withOut(async (out) => {
    const [one, two] = [makeRecipe("one", ["x", "y"], 10), makeRecipe("two", ["x", "z"], 10)];
    await runRecipe(one, out);
    await runRecipe(two, out);
    assert.equal((await gc("--out", out)).out, "Nothing to remove.");
    assert.equal(
      (await gc("--out", out, "--keep-recipes", "one,two")).out,
      "Nothing to remove.",
    );
    await gc("--out", out, "--keep-recipes", "two", "--delete");
    assert.deepEqual(ran(await runRecipe(two, out)), []);
    assert.equal(Deno.readTextFileSync(join(out, "one", "text.txt")), "xyy"); // published, a copy
    assert.deepEqual(ran(await runRecipe(one, out)), ["b", "short", "all"]);
  }));

Deno.test("checkpoints of an interrupted step stay until it is started with another config", () =>
  withOut(async (out) => {
    const [one, two] = [makeRecipe("toy", ["x", "y"], 10), makeRecipe("toy", ["x", "z"], 10)];
    const work = () => listFolder(join(out, "store", "work")).length;
    await runRecipe(one, out, "a"); // before any result
    assert.equal((await gc("--out", out, "--delete")).out, "Nothing to remove.");
    await runRecipe(one, out, "b");
    await gc("--out", out, "--delete");
    assert.equal(work(), 1);
    await runRecipe(two, out, "b");
    assert.equal(work(), 2);
    assert.match(
      (await gc("--out", out)).out,
      /^checkpoints +[0-9a-f]{12} +\d+ B +the step was restarted/m,
    );
    await gc("--out", out, "--delete");
    assert.equal(work(), 1);
    const events = await runRecipe(two, out);
    assert.ok(events.some((event) => event.type === "log" && event.message === "resuming at 5"));
    await runRecipe(one, out, "b");
    Deno.mkdirSync(join(out, "store", "work", "unknown")); // of a run whose log is gone
    await gc("--out", out, "--delete");
    assert.equal(work(), 2); // nobody can tell whether it is needed
  }));

Deno.test("wrong flags, an active runner and a missing lock are errors, and nothing is removed", () =>
  withOut(async (out) => {
    const refuse = async (code: number, message: RegExp, ...args: string[]) => {
      const result = await gc("--out", out, "--delete", ...args);
      assert.deepEqual([result.code, result.out], [code, ""]);
      assert.match(result.err, message);
    };
    await refuse(2, /^Error: there are no results in .*out; name their folder with --out$/);
    await runRecipe(makeRecipe("toy", ["x", "y"], 10), out);
    await runRecipe(makeRecipe("toy", ["x", "z"], 10), out);
    await refuse(2, /recipe "tou" has no results here; these have: toy$/, "--keep-recipes", "tou");
    await refuse(2, /unknown flag --keep; did you mean --keep-recipes\?/, "--keep");
    await refuse(2, /--keep-recipes needs a value/, "--keep-recipes=");
    const lock = await lockFolder(out);
    await refuse(1, /^Error: another pipeline \(process \d+\) is running in /);
    lock.unlock();
    Deno.removeSync(join(out, "lock.json"));
    await refuse(1, /lock\.json lists no results to keep: run the pipeline first$/);
    const store = new Store(join(out, "store"));
    assert.equal(store.readManifests().size, 7);
    assert.equal((await gc("--help")).code, 0);
  }));

Deno.test("whatever ran before, a recipe whose results are current runs nothing after --delete", () =>
  withFolder(async (root) => {
    for (let seed = 0; seed < 5; seed++) {
      const out = join(root, String(seed));
      const random = new Random(seed, "gc", 0);
      const pick = <T>(...values: T[]) => values[random.below(values.length)];
      const current = new Map<string, RecipeDraft>();
      const change = async () => {
        const name = pick("one", "two");
        const recipe = makeRecipe(name, [pick("x", "y"), pick("x", "z")], pick(1, 2));
        const [interrupt_at, only] = [
          pick(undefined, undefined, "a", "b"),
          pick(undefined, "short"),
        ];
        const events = await runRecipe(recipe, out, interrupt_at, only);
        const is_whole = only === undefined && events.at(-1)!.type === "run_finished";
        if (is_whole) current.set(name, recipe);
        else current.delete(name);
      };
      for (let round = 0; round < 6; round++) {
        for (let i = random.below(4); i >= 0; i--) await change();
        if (current.size === 0) continue;
        const removed = await gc("--out", out, "--delete");
        assert.equal(removed.code, 0, removed.err);
        assert.equal((await gc("--out", out)).out, "Nothing to remove.");
        for (const recipe of current.values()) {
          assert.deepEqual(ran(await runRecipe(recipe, out)), [], `seed ${seed}, round ${round}`);
        }
      }
    }
  }));

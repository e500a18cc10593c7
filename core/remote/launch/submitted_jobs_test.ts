import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../../../tests/shared/commands.ts";
import { clip, numbers, sum } from "../../recipe/testdata/stages.ts";
import { checkRecipe, defineRecipe, type Recipe } from "../../recipe/mod.ts";
import { inlineExecutor, run, runStep, toPlainError } from "../../runner/mod.ts";
import { LaunchedRun } from "./launched_run.ts";
import type { JobArray, JobState, Launcher } from "./launcher.ts";
import { fingerprints, writeOutcome } from "./launch_folder.ts";
import { assertNoSubmittedJobs, readSubmittedJobs, writeSubmittedJobs } from "./submitted_jobs.ts";

const RECIPE = defineRecipe({ name: "arms", description: "Clips twice.", seed: 3 }, (recipe) => {
  const inputs = { data: recipe.step("raw", numbers, { config: { count: 7 } }).data };
  const left = recipe.step("left", clip, { config: { limit: 4 }, inputs });
  const right = recipe.step("right", clip, { config: { limit: 5 }, inputs });
  recipe.step("total", sum, { inputs: { parts: { left: left.data, right: right.data } } });
});
const NEVER = new AbortController().signal;

/** A queue in this process. It shows its jobs as running for good, as a slow one does for a while. */
class SlowQueue implements Launcher {
  readonly name = "slow";
  readonly outlives = true;
  readonly shown = new Map<string, JobState>();
  readonly submitted: string[] = [];
  readonly cancelled: string[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** @param fails id of a step that fails. */
  constructor(
    private readonly recipe: Recipe,
    private readonly out: string,
    private readonly fails?: string,
  ) {}

  submit({ name, steps, folder }: JobArray): Promise<string[]> {
    const ids = steps.map((_, i) => `${name}_${i}`);
    steps.forEach((step, i) => {
      this.submitted.push(step);
      this.shown.set(ids[i], { state: "running" });
      this.#last = this.#last.then(() => this.#compute(step, folder));
    });
    return Promise.resolve(ids);
  }
  async #compute(step: string, folder: string) {
    const guard = () => Promise.resolve(() => {});
    const listener = { report() {}, log() {}, sample() {} };
    const how = { out: this.out, executor: inlineExecutor, listener, signal: NEVER, guard };
    try {
      if (step === this.fails) throw new Error("no data");
      writeOutcome(folder, step, { result: await runStep(this.recipe, step, how) });
    } catch (error) {
      writeOutcome(folder, step, { error: toPlainError(error) });
    }
  }
  find = () => Promise.resolve(undefined);
  states = (ids: readonly string[]) =>
    Promise.resolve(
      new Map(ids.flatMap((id) => {
        const state = this.shown.get(id);
        return state ? [[id, state] as const] : [];
      })),
    );
  cancel = (ids: readonly string[]) => Promise.resolve(void this.cancelled.push(...ids));
  stop = (ids: readonly string[]) => this.cancel(ids);
  logOf = () => "/nowhere";
  howToEnd = (ids: readonly string[]) => `end ${ids.join(" ")}`;
}

const launched = (queue: Launcher, out: string) =>
  new LaunchedRun(queue, { recipe: "file:///arms.ts", load: {}, out }, () => []);

Deno.test("a finished run forgets its jobs even while the queue shows them as running", () =>
  withFolder(async (out) => {
    const recipe = await checkRecipe(RECIPE);
    const queue = new SlowQueue(recipe, out);
    const { steps } = await run(recipe, { out, launch: launched(queue, out) });
    assert.deepEqual(steps.map(({ state }) => state), [
      "finished",
      "finished",
      "finished",
      "finished",
    ]);
    assert.equal(readSubmittedJobs(out), undefined);
    await assertNoSubmittedJobs(out, [queue]);
  }));

Deno.test("a step that failed is submitted again while its old job is still shown as running", () =>
  withFolder(async (out) => {
    const recipe = await checkRecipe(RECIPE);
    const first = new SlowQueue(recipe, out, "left");
    // "total" waits for "left" and is cancelled; the record is that of a pipeline killed before.
    await assert.rejects(run(recipe, { out, launch: launched(first, out) }), /no data/);
    const folder = join(out, "launch/0badc0de");
    await Deno.mkdir(folder, { recursive: true });
    writeOutcome(folder, "left", { error: toPlainError(new Error("no data")) });
    const again = new SlowQueue(recipe, out);
    again.shown.set("7_0", { state: "running" }).set("8_0", { state: "waiting" });
    const record = (step: string, job: string) => ({
      name: step,
      folder,
      steps: [{ step, job, fingerprint: fingerprints(recipe).get(step)! }],
    });
    writeSubmittedJobs(out, "slow", [record("left", "7_0"), record("total", "8_0")]);
    await run(recipe, { out, launch: launched(again, out) });
    assert.deepEqual(again.submitted, ["left", "total"]);
    assert.deepEqual(again.cancelled, ["8_0"]);
    assert.equal(readSubmittedJobs(out), undefined);
  }));

Deno.test("recorded jobs block others only while they may work", () =>
  withFolder(async (out) => {
    const recipe = await checkRecipe(RECIPE);
    await assertNoSubmittedJobs(out);
    const steps = [{ step: "a", fingerprint: "f", job: "1_0" }, { step: "b", fingerprint: "g" }];
    const arrays = [{ name: "n", folder: out, steps }];
    writeSubmittedJobs(out, "slow", arrays);
    assert.deepEqual(readSubmittedJobs(out), { format: 1, launcher: "slow", arrays });
    await assert.rejects(
      assertNoSubmittedJobs(out),
      /2 steps of .* may be running in slow: continue with deno task pipeline:launch --launcher slow$/,
    );
    const queue = new SlowQueue(recipe, out);
    queue.shown.set("1_0", { state: "running" });
    const message = /1 step of .* --launcher slow, or end them with end 1_0$/;
    await assert.rejects(assertNoSubmittedJobs(out, [queue]), message);
    const silent = { ...queue, name: "slow", states: () => Promise.reject(new Error("no answer")) };
    await assert.rejects(
      assertNoSubmittedJobs(out, [silent as unknown as Launcher]),
      /2 steps of .* may be running in slow \(no answer\): continue/,
    );
    // An ended job, or a step with an outcome, works no more.
    queue.shown.set("1_0", { state: "ended" });
    await assertNoSubmittedJobs(out, [queue]);
    writeOutcome(out, "a", { error: toPlainError(new Error("no data")) });
    writeOutcome(out, "b", { error: toPlainError(new Error("no data")) });
    await assertNoSubmittedJobs(out);
    Deno.writeTextFileSync(join(out, "launch/jobs.json"), "{}");
    assert.throws(() => readSubmittedJobs(out), /jobs\.json is damaged; end the jobs/);
    writeSubmittedJobs(out, "slow", []);
    assert.equal(readSubmittedJobs(out), undefined);
  }));

Deno.test("jobs that are taken over are told, even if their state does not change", () =>
  withFolder(async (out) => {
    const recipe = await checkRecipe(RECIPE);
    const queue = new SlowQueue(recipe, out);
    queue.shown.set("7_0", { state: "waiting", detail: "PENDING, Dependency" });
    const folder = join(out, "launch/0badc0de");
    await Deno.mkdir(folder, { recursive: true });
    const fingerprint = fingerprints(recipe).get("total")!;
    const steps = [{ step: "total", job: "7_0", fingerprint }];
    writeSubmittedJobs(out, "slow", [{ name: "n", folder, steps }]);
    const launch = launched(queue, out);
    assert.equal(await launch.attach(recipe), true);
    const told = await new Promise((resolve) => {
      launch.submit(recipe, [], (...job) => resolve(job));
    });
    const job = { launcher: "slow", id: "7_0", state: "waiting", detail: "PENDING, Dependency" };
    assert.deepEqual(told, ["total", job]);
    await launch.close();
  }));

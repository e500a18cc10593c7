import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { Child, type ChildOptions, type Ending, pipeline } from "./child.ts";
import { withFolder } from "../shared/commands.ts";
import { eventsOf, kept, reported, runIds } from "./traces.ts";

const testdata = (name: string) =>
  fileURLToPath(new URL(`../../core/recipe/testdata/${name}.ts`, import.meta.url));

/** Computes, and checks for a stop every 5 ms, or whatever its `slice` is. */
const SPIN = testdata("spin_recipe");

/** Options of a run that is not over before it is released, and is soon over then. */
function heldRun(folder: string, slice = 5) {
  const hold = join(folder, "hold");
  Deno.writeTextFileSync(hold, "");
  const settings = { milliseconds: 4 * slice, slice, hold };
  const args = Object.entries(settings).flatMap(([name, to]) => ["--set", `busy.${name}=${to}`]);
  return { options: { recipe: SPIN, args }, release: () => Deno.removeSync(hold) };
}

/** Sends signals one after another, once a task is computing. */
async function signalled(
  out: string,
  options: ChildOptions,
  step: string,
  apart_ms: number,
  ...signals: Deno.Signal[]
): Promise<Ending> {
  const child = new Child(out, options);
  await reported(out, [step]);
  for (const [i, signal] of signals.entries()) {
    if (i > 0) await new Promise((resolve) => setTimeout(resolve, apart_ms));
    child.kill(signal);
  }
  return await child.ended;
}

const AGAIN = "Run the same command again to continue from here.";

const CASES: [signals: Deno.Signal[], code: number, message: string][] = [
  [["SIGINT"], 130, `Stopped. ${AGAIN}`],
  [["SIGTERM"], 143, `Stopped by SIGTERM. ${AGAIN}`],
  [["SIGUSR1"], 75, `Stopped by SIGUSR1. ${AGAIN}`],
  [["SIGUSR2"], 75, `Stopped by SIGUSR2. ${AGAIN}`],
  [["SIGUSR2", "SIGTERM", "SIGTERM"], 75, `Stopped by SIGUSR2. ${AGAIN}`],
];

if (Deno.build.os !== "windows") {
  for (const [signals, code, message] of CASES) {
    Deno.test(`${signals.join(", ")}: writes a checkpoint, exits with ${code}, and the next run continues`, () =>
      withFolder(async (folder) => {
        const out = join(folder, "out");
        // Slow enough for all signals to arrive before it has stopped.
        const { options, release } = heldRun(folder, signals.length > 1 ? 400 : 5);
        const ending = await signalled(out, options, "busy", 50, ...signals);
        assert.equal(ending.code, code, ending.err);
        assert.equal(ending.err.trimEnd().split("\n").at(-1), message);
        assert.equal(kept(out).checkpoints.size, 1);
        const [id] = runIds(out);
        assert.equal(eventsOf(out, id).at(-1)!.type, "run_interrupted");
        release();
        const again = await pipeline(out, options);
        assert.equal(again.code, 0);
        assert.equal(kept(out).manifests.size, 1);
      }));
  }

  Deno.test("a second Ctrl-C ends the process at once", () =>
    withFolder(async (folder) => {
      const out = join(folder, "out");
      const recipe = testdata("faulty_recipe");
      const began = performance.now();
      const args = ["--only", "hang"];
      const { code } = await signalled(out, { recipe, args }, "hang", 1300, "SIGINT", "SIGINT");
      assert.equal(code, 130);
      assert.ok(performance.now() - began < 30_000, "before the grace period of a minute is over");
    }));
}

Deno.test("at its deadline a run saves and asks to be run again until it is finished", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    const { options, release } = heldRun(folder);
    const until = (deadline: string) =>
      pipeline(out, { ...options, args: [...options.args, "--deadline", deadline] });
    for (let i = 0; i < 2; i++) {
      const { code, err } = await until("1s");
      assert.equal(code, 75, err);
      assert.match(err, /\nStopped by the deadline\. Run the same command again/);
    }
    release();
    assert.equal((await until("1h")).code, 0);
  }));

Deno.test("a deadline in the past and an invalid one are refused", () =>
  withFolder(async (folder) => {
    for (
      const [text, message] of [
        ["2020-01-31T18:00Z", /^Error: --deadline 2020-01-31T18:00Z is in the past\n$/],
        ["soon", /^Error: invalid --deadline "soon"; use e\.g\. 2h30m or 2026-01-31T18:00\n$/],
      ] as const
    ) {
      const { code, err } = await pipeline(join(folder, "out"), { args: ["--deadline", text] });
      assert.equal(code, 2);
      assert.match(err, message);
    }
  }));

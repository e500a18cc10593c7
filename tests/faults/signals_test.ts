import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { Child, type ChildOptions, type Ending, pipeline } from "./child.ts";
import { withFolder } from "../shared/commands.ts";
import { eventsOf, kept, runIds } from "./traces.ts";

const testdata = (name: string) =>
  fileURLToPath(new URL(`../../core/recipe/testdata/${name}.ts`, import.meta.url));

/** Computes for three seconds, and checks for a stop every 5 ms. */
const SPIN = testdata("spin_recipe");
/** Computes for four seconds, and checks for a stop every 0.4 s. */
const SLOW = testdata("slow_recipe");

/** Sends signals one after another, once a task is computing. */
async function signalled(
  out: string,
  options: ChildOptions,
  apart_ms: number,
  ...signals: Deno.Signal[]
): Promise<Ending> {
  let sent = false;
  const child: Child = new Child(out, {
    ...options,
    on_output(text) {
      if (sent || !/> (busy|hang)/.test(text)) return;
      sent = true;
      signals.forEach((signal, i) => setTimeout(() => child.kill(signal), 500 + apart_ms * i));
    },
  });
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
        const recipe = signals.length > 1 ? SLOW : SPIN;
        const ending = await signalled(out, { recipe }, 50, ...signals);
        assert.equal(ending.code, code, ending.err);
        assert.equal(ending.err.trimEnd().split("\n").at(-1), message);
        assert.equal(kept(out).checkpoints.size, 1);
        const [id] = runIds(out);
        assert.equal(eventsOf(out, id).at(-1)!.type, "run_interrupted");
        const again = await pipeline(out, { recipe });
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
      const { code } = await signalled(out, { recipe, args }, 1300, "SIGINT", "SIGINT");
      assert.equal(code, 130);
      assert.ok(performance.now() - began < 30_000, "before the grace period of a minute is over");
    }));
}

Deno.test("at its deadline a run saves and asks to be run again until it is finished", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    const codes: number[] = [];
    while (codes.at(-1) !== 0 && codes.length < 20) {
      const { code, err } = await pipeline(out, { recipe: SPIN, args: ["--deadline", "3s"] });
      codes.push(code);
      if (code !== 0) assert.match(err, /\nStopped by the deadline\. Run the same command again/);
    }
    assert.ok(codes.length > 1);
    assert.deepEqual(codes.slice(0, -1), Array(codes.length - 1).fill(75));
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

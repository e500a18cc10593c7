/** What is missing is named before the first step, all at once, by every command that plans. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { computeProblem } from "../../engine/mod.ts";
import { storeOf } from "../../runner/mod.ts";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";
import { main as plan } from "../plan/plan.ts";
import { main as pipeline } from "./pipeline.ts";

const RECIPE = fileURLToPath(new URL("../../runner/testdata/needy_recipe.ts", import.meta.url));

const NO_CUDA = await computeProblem({
  device: "cuda",
  precision: "float32",
  kernels: "onnxruntime",
}) !== undefined;

/** A line for each: the steps, then cause and fix. */
const MISSING: [string, RegExp][] = [
  [
    "package",
    /^ {2}step "package": npm package no-such-package@1\.2\.3 is not installed; run "deno/,
  ],
  [
    "dataset",
    /^ {2}step "dataset": offline, and org\/no_such_set@main is not in the cache .*; unset HF_HUB/,
  ],
  [
    "library",
    /^ {2}2 steps \(library, library_too\): oneDNN 3 cannot be loaded .*Install it by .*or set/,
  ],
  ...(NO_CUDA
    ? [["device", /^ {2}step "device": no cuda device: .*Or choose device "cpu"$/]]
    : []) as [string, RegExp][],
  ["contradiction", /^ {2}step "contradiction": precision "float16" needs a GPU$/],
  [
    "memory",
    /^ {2}step "memory": needs 4000\.0 TB of memory, and this machine has [\d.]+ .B; lower micro_/,
  ],
  ["disk", /^ {2}results need 5000000\.0 TB of disk, and .* has [\d.]+ .B free; free some, or/],
  ["tokens", /^ {2}step "tokens": source "math" has 5 tokens, and 9 are needed; add data$/],
];

const PERMISSION =
  /^ {2}step "permission": this process lacks net access to example\.org: .*--allow-net=example\.org/m;

/** A machine without oneDNN, network and cached data. */
const LACKING = {
  CAUSEWAY_ONEDNN: "/nowhere/libdnnl.so.3",
  HF_HUB_OFFLINE: "1",
  HF_HUB_CACHE: "/nowhere/hub",
};

async function without(command: typeof pipeline, args: string[]) {
  const before = Object.keys(LACKING).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(LACKING)) Deno.env.set(name, value);
  try {
    return await runCommand(command, args);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

for (
  const [name, command, flags] of [
    ["pipeline", pipeline, ["--port=0"]],
    ["pipeline --dry-run", pipeline, ["--dry-run"]],
    ["plan", plan, []],
  ] as const
) {
  Deno.test(`${name} names everything that is missing before the first step`, () =>
    withFolder(async (folder) => {
      const out = join(folder, "out");
      const args = ["--recipe", RECIPE, "--out", out, ...flags];
      const { code, out: text, err } = await without(command, args);
      assert.equal(code, 1);
      const count = MISSING.length + (name === "plan" ? 0 : 1);
      assert.match(
        err,
        new RegExp(`recipe "needy" would not finish; ${count} things are missing:`),
      );
      for (const [what, line] of MISSING) {
        assert.equal(err.split("\n").filter((one) => line.test(one)).length, 1, `${what}: ${err}`);
      }
      // A plan is made by another command than the run, with other permissions.
      assert.match(name === "plan" ? text : err, PERMISSION);
      if (name === "plan") assert.match(text, /started with more permissions than this plan/);
      assert.ok(!existsSync(join(out, "runs")));
      assert.equal(storeOf(out).readManifests().size, 0);
    }));
}

Deno.test("what only some steps need is not asked of a run without them", () =>
  withFolder(async (folder) => {
    const args = ["--recipe", RECIPE, "--out", join(folder, "out"), "--only", "nothing"];
    const dry = await without(pipeline, [...args, "--dry-run"]);
    assert.equal(dry.code, 0, dry.err);
    const { code, err } = await without(pipeline, [...args, "--port=0"]);
    assert.equal(code, 0, err);
  }));

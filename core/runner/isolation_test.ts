import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { defineStage, originOf } from "../stage/mod.ts";
import { canRestrict } from "../config/mod.ts";
import { isolate, workerPermissions } from "./isolation.ts";
import type { Step } from "../recipe/mod.ts";
import { number_table, numbers } from "../recipe/testdata/stages.ts";

Deno.test("a stage knows the module that declared it; a copy is another stage", () => {
  assert.equal(originOf(numbers), new URL("../recipe/testdata/stages.ts", import.meta.url).href);
  const own = defineStage({
    name: "own",
    version: "1",
    description: "Nothing.",
    config: z.strictObject({}),
    inputs: {},
    outputs: { data: number_table },
    run: () => Promise.resolve(),
  });
  assert.equal(originOf(own), import.meta.url);
  assert.equal(originOf({ ...own }), undefined);
});

Deno.test("stages of core/ keep the permissions of the process; others are plugins", async () => {
  const step: Step = { id: "a", stage: numbers, config: { count: 1 }, seed: 0, inputs: {} };
  const logs: string[] = [];
  const how = { restrict: true, log: (message: string) => void logs.push(message) };
  const trusted = await isolate(step, "file:///recipe.ts", "/out/store", how);
  assert.deepEqual([trusted.plugin, trusted.worker], [undefined, {}]);
  const copy = { ...step, stage: { ...numbers } };
  await assert.rejects(
    isolate(copy, "file:///recipe.ts", "/out/store", how),
    /"numbers" \(plugin of unknown origin\) cannot be loaded by itself: export it/,
  );
  const free = await isolate(copy, "file:///recipe.ts", "/out/store", { ...how, restrict: false });
  assert.deepEqual([free.plugin, free.worker], [undefined, {}]);
  assert.match(logs.join(), /is not restricted: deno\.json lacks worker-options/);
  assert.equal(free.explain(new Error("oh")).message, "oh (plugin of unknown origin)");
});

Deno.test("a plugin may access the store, the code and what is granted, and nothing else", () => {
  const origin = "file:///plugins/mine/mod.ts";
  const granted = { net: ["example.org"], read: ["data"], env: true } as const;
  const { read, write, env, net, run, ffi, sys } = workerPermissions(granted, origin, "/out/store");
  const root = new URL("../../", import.meta.url).pathname;
  assert.deepEqual(read, [root, "/out/store", "/plugins/mine", join(Deno.cwd(), "data")]);
  assert.deepEqual(write, ["/out/store"]);
  assert.deepEqual([env, net, run, ffi, sys], [true, ["example.org"], [], [], []]);
});

Deno.test("whether workers can be restricted is read from the configuration", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "deno.json");
    const can = () => canRestrict(pathToFileURL(path));
    assert.equal(can(), false);
    for (const [feature, expected] of [["worker-options", true], ["kv", false]] as const) {
      await Deno.writeTextFile(path, JSON.stringify({ unstable: [feature] }));
      assert.equal(can(), expected);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

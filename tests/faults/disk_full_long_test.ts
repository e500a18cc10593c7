import assert from "node:assert/strict";
import { join } from "node:path";
import { pipeline } from "./child.ts";
import { fillDisk, mountDisk, testWhere, whyNoMount, withSmallDisk } from "./folders.ts";
import { withFolder } from "../shared/commands.ts";
import { resultsOf, runSmall, type SmallRun } from "./small.ts";
import { kept } from "./traces.ts";

const testOnDisks = testWhere(await whyNoMount());

const finished = ({ steps }: SmallRun) => steps.match(/\w+(?= finished)/g) ?? [];

const undisturbed = () =>
  withFolder(async (folder) => {
    await runSmall(folder);
    return await resultsOf(folder);
  });

testOnDisks("a full disk at any moment loses no finished work", async () => {
  const expected = await undisturbed();
  const places = new Set<string>();
  for (let pages = 0;; pages++) {
    const first = await withSmallDisk(1 << 20, async (folder) => {
      const out = join(folder, "out");
      Deno.mkdirSync(out);
      const makeRoom = fillDisk(folder, pages);
      const first = await runSmall(out);
      makeRoom();
      const second = await runSmall(out);
      assert.equal(second.error, undefined, `with ${pages} pages: ${second.error?.message}`);
      assert.deepEqual(await resultsOf(out), expected);
      for (const step of finished(first)) {
        assert.match(second.steps, new RegExp(`${step} skipped`), `with ${pages} pages`);
      }
      return first;
    });
    if (!first.error) break;
    assert.equal(first.error.code, "ENOSPC", `with ${pages} pages: ${first.error.stack}`);
    // StepFailed: writing an object or a checkpoint. Error: a manifest, the log, lock.json, a published file.
    places.add(`${finished(first).length} ${first.error.name}`);
  }
  const met = ["0 Error", "0 StepFailed", "1 StepFailed", "2 Error", "2 StepFailed", "3 Error"];
  assert.deepEqual([...places].sort(), met);
});

testOnDisks(
  "a full disk under the event log ends the run after the task",
  () =>
    withFolder(async (folder) => {
      const out = join(folder, "out");
      Deno.mkdirSync(join(out, "runs"), { recursive: true });
      const unmount = mountDisk(join(out, "runs"), 4096);
      fillDisk(join(out, "runs"), 0);
      const first = await runSmall(out).finally(unmount);
      assert.equal(first.error?.code, "ENOSPC");
      assert.deepEqual(finished(first), ["count"]);
      const second = await runSmall(out);
      assert.match(second.steps, /^count skipped/);
      assert.deepEqual(await resultsOf(out), await undisturbed());
    }),
);

testOnDisks(
  "a run on a full disk reports it, and continues when there is space",
  () =>
    withSmallDisk(8 << 20, async (folder) => {
      const out = join(folder, "out");
      Deno.mkdirSync(out);
      const options = { args: ["--quiet"], env: { CAUSEWAY_CHECKPOINT_SECONDS: "0.1" } };
      for (const pages of [20, 120]) {
        const before = kept(out);
        const makeRoom = fillDisk(folder, pages);
        const { code, err } = await pipeline(out, options);
        makeRoom();
        assert.equal(code, 1, err);
        // What is known to be too little is refused before the first step.
        assert.match(
          err,
          /^Error: .*(: no space left on the disk; free some and start again|results need .* of disk, and .* has .* free)/,
        );
        assert.equal(err.trim().split("\n").length, 1, err);
        assert.ok(before.manifests.isSubsetOf(kept(out).manifests));
      }
      const { code, err } = await pipeline(out, options);
      assert.equal(code, 0, err);
    }),
);

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import type { RunEvent } from "@causeway/core/runs";
import { pipeline } from "./child.ts";
import { forbidWriting, testWhere, whyNoForbidding, whyNoMount, withReadOnly } from "./folders.ts";
import { withFolder } from "../shared/commands.ts";
import { resultsOf, runSmall, SMALL_RECIPE } from "./small.ts";

const recipe = fileURLToPath(SMALL_RECIPE);

testWhere(await whyNoMount())(
  "the error names a read-only folder; a dry run can read it",
  () =>
    withFolder(async (folder) => {
      assert.equal((await runSmall(folder)).error, undefined);
      await withReadOnly(folder, async (view) => {
        const { code, err } = await pipeline(view, { recipe, args: ["--quiet"] });
        assert.equal(code, 1);
        assert.match(
          err,
          /^Error: results cannot be written to .*: the file system is read-only\n$/,
        );
        assert.equal((await pipeline(view, { recipe, args: ["--dry-run"] })).code, 0);
      });
    }),
);

/** Folders that a run writes to; "" is the output folder, which has lock.json. */
const FOLDERS = ["", "store/tmp", "store/objects", "store/manifests", "store/work", "runs"];

const testForbidding = testWhere(await whyNoForbidding());

for (const name of FOLDERS) {
  const place = name === "" ? "the output folder" : name;
  testForbidding(
    `losing write permission for ${place} during a run loses no finished work`,
    () =>
      withFolder(async (folder) => {
        const whole = join(folder, "whole"), out = join(folder, "out");
        await runSmall(whole);
        let giveBack: (() => void) | undefined;
        const onEvent = ({ type }: RunEvent) => {
          if (type === "step_finished") giveBack ??= forbidWriting(join(out, name));
        };
        const first = await runSmall(out, { onEvent }).finally(() => giveBack?.());
        // The event log is already open.
        if (name === "runs") assert.equal(first.error, undefined);
        else assert.match(first.error!.message, /os error (1|13)\b/, place);
        const second = await runSmall(out);
        assert.equal(second.error, undefined);
        assert.match(second.steps, /^count skipped/);
        assert.deepEqual(await resultsOf(out), await resultsOf(whole));
      }),
  );
}

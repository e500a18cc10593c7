import assert from "node:assert/strict";
import { join } from "node:path";
import { testWhere, withFastFolder } from "./folders.ts";
import { crashMany, no_record, play, POWER_RECIPE, recordRun, resume } from "./power.ts";
import { digests } from "./traces.ts";

testWhere(no_record)(
  "a run continues after a loss of power, with what it had promised",
  () =>
    withFastFolder(async (folder) => {
      const recording = await recordRun(folder, POWER_RECIPE);
      // The record is complete: played to its end, it gives the folder.
      await play(recording, new Set([recording.changes.length]), async (disk) => {
        disk.write(join(folder, "whole"));
        assert.deepEqual(await digests(join(folder, "whole")), await digests(recording.out));
      });
      assert.deepEqual(
        await crashMany(folder, recording, { count: 100, seed: 1, every: 10, resume }),
        [],
      );
    }),
);

import assert from "node:assert/strict";
import { assertStage } from "@causeway/core/stage";
import { PLUGINS } from "@causeway/plugins";
import { STAGES } from "@causeway/stages";

const TRACKERS: Record<string, string> = JSON.parse(
  Deno.readTextFileSync(new URL("../recipes/trackers.json", import.meta.url)),
);

/** Folders of `stages/` or `plugins/` except those of trackers; each is a stage. */
async function folders(area: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(new URL(`../${area}/`, import.meta.url)));
  const names = entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort();
  return names.filter((name) => !Object.hasOwn(TRACKERS, name));
}

for (const [area, listed] of Object.entries({ stages: STAGES, plugins: PLUGINS })) {
  Deno.test(`every folder of ${area}/ is listed and has the name of its stage`, async () => {
    assert.deepEqual(listed.map(({ name }) => name).sort(), await folders(area));
  });

  Deno.test(`every stage of ${area}/ follows the contract and refuses unknown config fields`, async () => {
    for (const stage of listed) {
      assertStage(stage, stage.name);
      assert.ok(stage.description.length > 0 && Object.keys(stage.outputs).length > 0);
      const { issues } = await stage.config["~standard"].validate({ no_such_field: 1 });
      assert.match(JSON.stringify(issues), /no_such_field/, stage.name);
    }
  });
}

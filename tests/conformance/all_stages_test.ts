/**
 * The conformance suite on every stage.
 *
 * @module
 */
import assert from "node:assert/strict";
import { PLUGINS } from "@causeway/plugins";
import { STAGES } from "@causeway/stages";
import { SUITES } from "./cases.ts";

for (const register of Object.values(SUITES)) await register();

/** Whether a test in the stage's folder registers the suite. */
async function hasSuite(area: string, name: string): Promise<boolean> {
  const folder = new URL(`../../${area}/${name}/`, import.meta.url);
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const tests = entries.filter((entry) => entry.name.endsWith("_test.ts"));
  const texts = await Promise.all(
    tests.map((entry) => Deno.readTextFile(new URL(entry.name, folder))),
  );
  return texts.some((text) => text.includes(`\nconformance(${name}, `));
}

for (const [area, stages] of Object.entries({ stages: STAGES, plugins: PLUGINS })) {
  Deno.test(`every stage of ${area}/ has a conformance suite, here or in its own tests`, async () => {
    for (const { name } of stages.filter(({ name }) => !(name in SUITES))) {
      const has_suite = await hasSuite(area, name);
      assert.ok(has_suite, `no test in ${area}/${name} calls conformance(${name}, …)`);
    }
  });
}

import assert from "node:assert/strict";
import { stageReference } from "./make_stage_reference.ts";

const committed = Deno.readTextFileSync(new URL("stages.md", import.meta.url));

Deno.test("docs/stages.md is up to date (deno run -A docs/make_stage_reference.ts)", async () => {
  assert.equal(committed, await stageReference());
});

Deno.test("every config field in docs/stages.md has a meaning", () => {
  const rows = committed.split("\n").filter((line) => line.startsWith("| "));
  assert.deepEqual(rows.filter((row) => /\| +\|$/.test(row)), []);
});

import assert from "node:assert/strict";
import { tormentMany } from "./main.ts";

Deno.test("a run that is killed a dozen times has the same results as one that is not", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { kills } = await tormentMany(folder, 12, 3);
    assert.equal(kills.length, 12);
    assert.ok(kills.every(({ seconds_lost }) => seconds_lost >= 0));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

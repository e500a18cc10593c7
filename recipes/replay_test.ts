import assert from "node:assert/strict";
import recipe from "./replay.ts";

interface Tuning {
  readonly replay?: { readonly source: string; readonly share: number };
}

Deno.test("replay.ts tunes every trunk with every share, and reports all of them", () => {
  assert.deepEqual(recipe.problems, []);
  const tuned = recipe.steps.filter(({ id }) => id.startsWith("replay_"));
  assert.equal(tuned.length, 15);
  const shares = tuned.map(({ config }) => (config as Tuning).replay?.share ?? 0);
  assert.deepEqual(shares.slice(0, 5), [0, 0.01, 0.05, 0.25, 0.5]);
  const trunks = recipe.steps.filter(({ id }) => id.startsWith("trunk_"));
  assert.equal(new Set(trunks.map(({ seed }) => seed)).size, 3);
  const report = recipe.steps.find(({ id }) => id === "report")!;
  const { tradeoffs: [{ points }] } = report.config as { tradeoffs: { points: object[] }[] };
  assert.equal(points.length, 15);
});

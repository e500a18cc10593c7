import assert from "node:assert/strict";
import {
  forecastAt,
  freshState,
  modelConfig,
  optimizer_schema,
  placesOf,
  sourceTokens,
} from "./mod.ts";

Deno.test("points on a curve are evenly spaced, the first and the last step included", () => {
  assert.deepEqual(placesOf(0), []);
  assert.deepEqual(placesOf(1), [0]);
  assert.deepEqual(placesOf(4), [0, 1, 2, 3]);
  const places = placesOf(61_000);
  assert.deepEqual([places[0], places.at(-1)], [0, 60_999]);
  const gaps = places.slice(1).map((place, i) => place - places[i]);
  assert.ok(Math.max(...gaps) - Math.min(...gaps) <= 1, `${gaps}`);
});

Deno.test("tables of one source add up; one unknown table leaves all unknown", () => {
  const table = { sources: { a: { tokens: 5, documents: 2 } } };
  const both = { sources: { a: { tokens: 1, documents: 1 }, b: { tokens: 7, documents: 3 } } };
  assert.deepEqual(sourceTokens({ table, both }), {
    a: { tokens: 6, documents: 3 },
    b: { tokens: 7, documents: 3 },
  });
  assert.equal(sourceTokens({ table, missing: undefined }), undefined);
});

Deno.test("a checkpoint along a phase is at its step", () => {
  const start = freshState({
    schedule: { peak_lr: 1, min_lr: 0, warmup_ratio: 0, horizon_steps: 20 },
    optimizer: optimizer_schema.parse({}),
    sequence_length: 16,
    global_batch_size: 8,
    seed: 1,
    phase: "pretrain",
  });
  const phase = { from_step: 0, to_step: 20, from_tokens: 0, to_tokens: 2560, mixture: [] };
  const state = { ...start, step: 20, tokens: 2560, lineage: [{ stage: "pretrain", ...phase }] };
  const { state: at } = forecastAt({ model: modelConfig("mini", 300), state }, 5);
  assert.deepEqual([at.step, at.tokens], [5, 640]);
  assert.deepEqual(at.lineage, [{ stage: "pretrain", ...phase, to_step: 5, to_tokens: 640 }]);
});

import assert from "node:assert/strict";
import { setOf } from "../../tests/shared/token_sets.ts";
import { documentOverlap } from "./mod.ts";

Deno.test("documents of one set that are in another too are counted", () => {
  const target = setOf("target", [[1, 2, 0], [3, 0], [3, 0], [4, 5, 6, 0]]);
  const other = setOf("other", [[9, 0], [3, 0], [1, 2, 3, 0]]);
  assert.deepEqual(documentOverlap(target, other), { documents: 2, share: 0.5 });
  assert.deepEqual(documentOverlap(target, target), { documents: 4, share: 1 });
  assert.deepEqual(documentOverlap(other, setOf("none", [])), { documents: 0, share: 0 });
  assert.deepEqual(documentOverlap(setOf("none", []), other), { documents: 0, share: 0 });
});

import assert from "node:assert/strict";
import { tokenizersNote } from "./mod.ts";

Deno.test("tables of different tokenizers are named, as far as the tokenizers are known", () => {
  const [a, b, unknown] = [{ tokenizer: "1" }, { tokenizer: "2" }, {}];
  assert.equal(tokenizersNote({}), undefined);
  assert.equal(tokenizersNote({ base: a, tuned: a, old: unknown }), undefined);
  assert.match(
    tokenizersNote({ base: a, tuned: a, other: b })!,
    /have 2 different tokenizers \(base, tuned \| other\): .* not comparable; compare bits per byte/,
  );
});

import assert from "node:assert/strict";
import { ExampleSampler, type Overlong } from "./mod.ts";
import { setOf } from "../../tests/shared/token_sets.ts";

const documents = Array.from({ length: 10 }, (_, i) => [i, 100 + i, 200, 201, 202, 203]);
const base = {
  sets: [setOf("pycode", documents)],
  sequence_length: 3,
  overlong: "truncate" as const,
  global_batch_size: 4,
  epochs: 3,
  seed: 5,
  phase: "sft",
};
const drawn = (sampler: ExampleSampler) =>
  Array.from({ length: sampler.steps }, (_, step) => sampler.batch(step).map((s) => s.tokens[0]));

Deno.test("every epoch has every example once, in its own order", () => {
  const sampler = new ExampleSampler({ ...base, global_batch_size: 5 });
  assert.equal(sampler.steps, 6);
  const all = drawn(sampler).flat();
  const epochs = [0, 1, 2].map((e) => all.slice(10 * e, 10 * e + 10));
  for (const epoch of epochs) {
    assert.deepEqual(epoch.toSorted((a, b) => a - b), documents.map((_, i) => i));
  }
  assert.equal(new Set(epochs.map(String)).size, 3);
});

Deno.test("batches span epochs, and any step is the same without the steps before it", () => {
  const sampler = new ExampleSampler(base);
  assert.equal(sampler.steps, 8); // 30 examples in batches of 4
  assert.deepEqual(drawn(sampler).map((batch) => batch.length), [4, 4, 4, 4, 4, 4, 4, 2]);
  const counts = new Array(10).fill(0);
  for (const i of drawn(sampler).flat()) counts[i]++;
  assert.deepEqual(counts, new Array(10).fill(3));
  assert.deepEqual(new ExampleSampler(base).batch(5), sampler.batch(5));
  assert.notDeepEqual(drawn(new ExampleSampler({ ...base, seed: 6 })), drawn(sampler));
});

Deno.test("documents are truncated, and those without a token to learn are left out", () => {
  const set = setOf("s", [[1, 2, 3, 4, 5], [6], [7, 8, 9, 10, 11], []], [0, 0, 4, 0]);
  const sampler = new ExampleSampler({ ...base, sets: [set], global_batch_size: 1, epochs: 1 });
  assert.equal(sampler.examples, 1);
  assert.equal(sampler.skipped, 3);
  assert.deepEqual([...sampler.batch(0)[0].tokens], [1, 2, 3, 4]);
  assert.equal(sampler.batch(0)[0].source, "s");
});

Deno.test("overlong documents are cut, left out or rejected, as configured", () => {
  const set = setOf("s", [[1, 2, 3, 0], [4, 5, 6, 7, 0], [8, 0]]);
  const options = { ...base, sets: [set], global_batch_size: 3, epochs: 1 };
  const make = (overlong: Overlong) => new ExampleSampler({ ...options, overlong });
  const texts = (sampler: ExampleSampler) => sampler.batch(0).map((s) => [...s.tokens].join(" "));
  assert.deepEqual(texts(make("truncate")).sort(), ["1 2 3 0", "4 5 6 7", "8 0"]);
  const skipping = make("skip");
  assert.equal(skipping.examples, 2);
  assert.equal(skipping.overlong, 1);
  assert.deepEqual(new Set(texts(skipping)), new Set(["1 2 3 0", "8 0"]));
  assert.throws(() => make("error"), /documents of "s" longer than 4 tokens: 1 of 3;/);
});

Deno.test("epochs are passes: the last batch has what is left, a tiny set what it has", () => {
  const sizes = (examples: number, global_batch_size: number, epochs: number) => {
    const sets = [setOf("s", documents.slice(0, examples))];
    const sampler = new ExampleSampler({ ...base, sets, global_batch_size, epochs });
    return [sampler.passes.epochs, ...drawn(sampler).map((batch) => batch.length)];
  };
  assert.deepEqual(sizes(3, 64, 1), [1, 3]); // one step of 3, as the Trainer of transformers makes
  assert.deepEqual(sizes(3, 64, 2), [2, 3, 3]);
  assert.deepEqual(sizes(10, 8, 1), [1, 8, 2]);
  assert.deepEqual(sizes(10, 5, 1), [1, 5, 5]);
  assert.deepEqual(sizes(10, 64, 0.5), [0.5, 5]);
  assert.deepEqual(sizes(10, 8, 0.01), [0.1, 1]); // at least one example
  assert.deepEqual(sizes(3, 2, 1.4), [4 / 3, 2, 2]);
  assert.deepEqual(sizes(10, 1, 0.3), [0.3, 1, 1, 1]); // 0.3 * 10 is not 3 in floating point
});

Deno.test("examples that cannot be drawn are rejected", () => {
  const make = (change: object) => () => new ExampleSampler({ ...base, ...change });
  assert.throws(
    make({ sets: [setOf("s", [[1, 2]], [2])] }),
    /no document of "s" has a token to learn within \d+ tokens? \(1 document\)/,
  );
  assert.throws(
    make({ sets: [base.sets[0], base.sets[0]] }),
    /source "pycode" is listed twice; name each source once/,
  );
  assert.throws(make({ sets: [] }), /there are no sources to train on/);
  assert.throws(make({ epochs: 0 }), /epochs must be .* got 0/);
  assert.throws(make({ global_batch_size: 1.5 }), /global_batch_size must be .* got 1.5/);
  assert.throws(() => new ExampleSampler(base).batch(8), /has 8 steps; there is no step 8/);
});

import assert from "node:assert/strict";
import { setOf } from "../../tests/shared/token_sets.ts";
import { type ExampleLength, ExampleSampler, labelWeights, supervisedTokens } from "./mod.ts";

/** Example i of a source has i % 7 + 1 labels after a prompt of 2 tokens. */
const setNamed = (name: string, examples: number) => {
  const documents = Array.from({ length: examples }, (_, i) => {
    return [i, 500, ...new Array(1 + i % 7).fill(9)];
  });
  return setOf(name, documents, documents.map(() => 2));
};
const sets = [setNamed("code", 40), setNamed("math", 10), setNamed("talk", 25)];
const base = {
  sets,
  sequence_length: 16,
  overlong: "truncate" as const,
  global_batch_size: 8,
  seed: 3,
  phase: "sft",
};
const weights = { code: 5, math: 3, talk: 2 };

const batches = (sampler: ExampleSampler) =>
  Array.from({ length: sampler.steps }, (_, step) => sampler.batch(step));

Deno.test("weights are shares of the examples after any number of steps, and sources that end begin again", () => {
  const sampler = new ExampleSampler({ ...base, weights, steps: 20 });
  const counts: Record<string, number> = { code: 0, math: 0, talk: 0 };
  const seen = new Map<string, number[]>();
  for (const [step, batch] of batches(sampler).entries()) {
    assert.equal(batch.length, 8);
    for (const { source, tokens } of batch) {
      counts[source]++;
      seen.set(source, [...seen.get(source) ?? [], tokens[0]]);
    }
    for (const [source, weight] of Object.entries(weights)) {
      const error = counts[source] - (step + 1) * 8 * weight / 10;
      assert.ok(Math.abs(error) < 1.5, `${source} is off by ${error} after step ${step}`);
    }
  }
  assert.deepEqual(counts, { code: 80, math: 48, talk: 32 });
  // Every example once in each pass; the order within a batch is mixed, so passes are compared by counts.
  const times = Map.groupBy(seen.get("math")!, (i) => i);
  assert.deepEqual(new Set([...times.values()].map(({ length }) => length)), new Set([4, 5]));
  assert.equal(new Set(seen.get("talk")).size, 25);
  const order = batches(sampler).flat().map(({ source }) => source).join(" ");
  assert.match(order, /math code/);
  assert.match(order, /code math/);
});

Deno.test("any step of weighted sources is the same without the steps before it", () => {
  const make = (seed = 3) => new ExampleSampler({ ...base, seed, weights, steps: 9 });
  assert.deepEqual(make().batch(7), batches(make())[7]);
  assert.notDeepEqual(make(4).batch(7), make().batch(7));
});

Deno.test("what a phase draws is counted as its batches have it", () => {
  for (
    const options of [{ epochs: 2.3 }, { weights, steps: 7 }, { weights, examples: 61 }, {
      supervised_tokens: 500,
    }]
  ) {
    const sampler = new ExampleSampler({ ...base, ...options });
    const all = batches(sampler);
    for (const { source, examples, labels, available } of sampler.drawn()) {
      const drawn = all.flat().filter((sequence) => sequence.source === source);
      assert.equal(drawn.length, examples);
      assert.equal(drawn.map(supervisedTokens).reduce((a, b) => a + b, 0), labels);
      assert.equal(sets.find(({ name }) => name === source)!.documents, available);
    }
    all.forEach((batch, step) => {
      const labels = batch.map(supervisedTokens).reduce((a, b) => a + b);
      assert.equal(sampler.batchLabels(step), labels);
    });
  }
});

Deno.test("lengths are passes, steps, examples or supervised tokens", () => {
  const make = (length: ExampleLength) => new ExampleSampler({ ...base, ...length });
  const sizes = (length: ExampleLength) => batches(make(length)).map((batch) => batch.length);
  assert.equal(sizes({}).reduce((a, b) => a + b), 4 * 75); // 4 passes where none is set
  assert.deepEqual(sizes({ steps: 3 }), [8, 8, 8]);
  assert.deepEqual(sizes({ examples: 20 }), [8, 8, 4]);
  const until = make({ supervised_tokens: 200 });
  const labels = batches(until).map((batch) => {
    return batch.map(supervisedTokens).reduce((a, b) => a + b);
  });
  const total = labels.reduce((a, b) => a + b);
  assert.ok(total >= 200 && total - labels.at(-1)! < 200, `${total} labels`);
  assert.throws(() => make({ steps: 1.5 }), /steps must be an integer >= 1, got 1.5/);
});

Deno.test("a weighted source without an example is refused by name", () => {
  const empty = setOf("empty", [[1]]);
  const options = { ...base, sets: [...sets, empty] };
  assert.throws(
    () => new ExampleSampler({ ...options, weights: { code: 1, empty: 1 } }),
    /no document of "empty" has a token to learn/,
  );
});

Deno.test("weights of labels: over tokens, examples, and groups of examples as drawn", () => {
  const labels = [1, 3, 0, 4];
  assert.deepEqual(labelWeights(labels), [1 / 8, 1 / 8, 0, 1 / 8]);
  assert.deepEqual(labelWeights(labels, "example"), [1 / 3, 1 / 9, 0, 1 / 12]);
  assert.deepEqual(labelWeights(labels, { groups_of: 2 }), [1 / 8, 1 / 8, 0, 1 / 8]);
  assert.deepEqual(labelWeights([1, 3, 2], { groups_of: 2 }), [1 / 8, 1 / 8, 1 / 4]);
  assert.deepEqual(labelWeights([0, 0, 2], { groups_of: 2 }), [0, 0, 1 / 2]);
  for (const average of ["token", "example", { groups_of: 3 }] as const) {
    const total = labelWeights(labels, average).reduce((sum, w, i) => sum + w * labels[i], 0);
    assert.ok(Math.abs(total - 1) < 1e-12);
    assert.throws(() => labelWeights([0, 0], average), /this batch of 2 sequences has no token/);
  }
});

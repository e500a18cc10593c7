import assert from "node:assert/strict";
import { MixtureSampler } from "./mod.ts";
import { countingSet } from "./test_sets.ts";

const T = 4;
const sets = new Map([["general", 500], ["code", 103], ["math", 64]].map((
  [name, blocks],
) => [name as string, countingSet(name as string, (blocks as number) * (T + 1) + 3)]));
const base = {
  sets,
  weights: { general: 0.7, code: 0.2, math: 0.1 },
  sequence_length: T,
  global_batch_size: 7,
  seed: 11,
  phase: "pretrain",
  drawn: {},
  allow_repeat: false,
  steps: 40,
};

/** Names the blocks a phase draws: "source:first token". */
const drawnBlocks = (sampler: MixtureSampler, steps: number) =>
  Array.from(
    { length: steps },
    (_, step) => sampler.batch(step).map(({ source, tokens }) => `${source}:${tokens[0]}`),
  );

Deno.test("batches have the right size, blocks are whole, and no block repeats", () => {
  const sampler = new MixtureSampler(base);
  for (const { tokens, prompt_length } of sampler.batch(3)) {
    assert.equal(tokens.length, T + 1);
    assert.equal(tokens[0] % (T + 1), 0);
    assert.deepEqual([...tokens], Array.from({ length: T + 1 }, (_, i) => tokens[0] + i));
    assert.equal(prompt_length, 0);
  }
  const blocks = drawnBlocks(sampler, base.steps).flat();
  assert.equal(blocks.length, base.steps * base.global_batch_size);
  assert.equal(new Set(blocks).size, blocks.length);
});

Deno.test("a source is read in random order, not from its start", () => {
  const sampler = new MixtureSampler({ ...base, weights: { general: 1 }, steps: 50 });
  const places = drawnBlocks(sampler, 50).flat().map((b) => Number(b.split(":")[1]) / (T + 1));
  const mean = places.reduce((a, b) => a + b) / places.length;
  // 350 of 500 places without replacement: mean 249.5, standard error 144.3 sqrt(150 / 499 / 350) = 4.2.
  assert.ok(Math.abs(mean - 249.5) < 21, `mean place ${mean}`);
});

Deno.test("any step's batch is the same without the steps before it, and however weights are ordered", () => {
  const steps = drawnBlocks(new MixtureSampler(base), base.steps);
  const weights = { math: 1, general: 7, code: 2 };
  const again = new MixtureSampler({ ...base, sets: new Map([...sets].reverse()), weights });
  for (const step of [31, 5, 39]) {
    assert.deepEqual(
      again.batch(step).map(({ source, tokens }) => `${source}:${tokens[0]}`),
      steps[step],
    );
  }
  assert.notDeepEqual(drawnBlocks(new MixtureSampler({ ...base, seed: 12 }), 5), steps.slice(0, 5));
});

Deno.test("two phases in a row repeat nothing, and go on in the parent's order", () => {
  const parent = new MixtureSampler(base);
  const middle = 25;
  const seen = drawnBlocks(parent, middle).flat();
  const child = new MixtureSampler({
    ...base,
    phase: "midtrain",
    weights: { general: 0.5, code: 0.5 },
    drawn: parent.drawnAfter(middle),
    steps: 15,
  });
  const later = drawnBlocks(child, 15).flat();
  assert.equal(new Set([...seen, ...later]).size, seen.length + later.length);

  // With the parent's weights the child's general blocks are the parent's next ones.
  const same = new MixtureSampler({ ...base, phase: "x", drawn: parent.drawnAfter(20), steps: 20 });
  const general = (blocks: string[]) => blocks.filter((b) => b.startsWith("general")).sort();
  assert.deepEqual(
    general(drawnBlocks(same, 20).flat()),
    general(drawnBlocks(parent, 40).slice(20).flat()),
  );
});

Deno.test("drawnAfter and ledger count what the batches hold", () => {
  const drawn = { math: 10, other: 4 };
  const sampler = new MixtureSampler({ ...base, drawn });
  const counts: Record<string, number> = { general: 0, code: 0, math: 0 };
  for (let step = 0; step < 33; step++) {
    for (const { source } of sampler.batch(step)) counts[source]++;
  }
  assert.deepEqual(sampler.drawnAfter(33), {
    code: counts.code,
    general: counts.general,
    math: counts.math + 10,
    other: 4,
  });
  const ledger = sampler.ledger(33);
  assert.deepEqual(ledger.source, ["code", "general", "math"]);
  ledger.source.forEach((source, i) => {
    assert.equal(ledger.tokens[i], counts[source] * T);
    assert.equal(ledger.achieved_share[i], counts[source] / (33 * 7));
    assert.ok(Math.abs(ledger.achieved_share[i] - ledger.requested_share[i]) < 1.5 / (33 * 7));
  });
  assert.equal(ledger.epochs[2], (counts.math + 10) / 64);
  assert.deepEqual([...sampler.ledger(0).achieved_share], [0, 0, 0]);
});

Deno.test("repeating is refused before the first step, with what is needed and what there is", () => {
  const options = { ...base, weights: { math: 1 }, steps: 9, drawn: { math: 2 } };
  assert.throws(
    () => new MixtureSampler(options),
    /phase "pretrain" of 9 steps would repeat.*"math" needs 260 tokens \(8 of them.*and has 256/,
  );
  assert.equal(new MixtureSampler({ ...options, drawn: { math: 1 } }).batch(8).length, 7); // 64 of 64
});

Deno.test("allowed repetition passes over all blocks before any comes again, in another order", () => {
  const options = { ...base, weights: { math: 1 }, global_batch_size: 64, steps: 2 };
  const [first, second] = drawnBlocks(new MixtureSampler({ ...options, allow_repeat: true }), 2);
  assert.equal(new Set(first).size, 64);
  assert.equal(new Set(second).size, 64);
  assert.notDeepEqual(first, second);
});

Deno.test("mixtures that cannot be drawn are refused", () => {
  const make = (change: object) => () => new MixtureSampler({ ...base, ...change });
  assert.throws(make({ sequence_length: 600, weights: { math: 1 } }), /"math" has 323 tokens/);
  assert.throws(make({ weights: { poetry: 1 } }), /"poetry".*code, general, math/);
  assert.throws(make({ global_batch_size: 0 }), /global_batch_size is 0/);
  assert.throws(make({ drawn: { code: -1 } }), /drawn from "code" is -1/);
  assert.throws(() => new MixtureSampler(base).batch(40), /step 40 is not one of the 40 steps/);
});

import assert from "node:assert/strict";
import { describePlan, extendHistory, MixtureSampler, pack, partOf } from "./mod.ts";
import { countingSet, setOf } from "../../tests/shared/token_sets.ts";

const T = 4;
const OPTIONS = { packing: "concatenate", document_mask: false, sequence_length: T } as const;
const COUNTS = { general: 500, code: 103, math: 64 };
const sets = new Map(
  Object.entries(COUNTS).map(([name, count]) => {
    return [name, pack(countingSet(name, count * (T + 1) + 3), OPTIONS)];
  }),
);
const WEIGHTS = { general: 0.7, code: 0.2, math: 0.1 };
const constant = (weights: Record<string, number>) => extendHistory([], 0, weights, T);
const base = {
  sets,
  pieces: constant(WEIGHTS),
  global_batch_size: 7,
  seed: 11,
  first_step: 0,
  steps: 40,
  allow_repeat: false as boolean | string[],
};

/** Names the sequences that a phase draws: "source:first token". */
const drawnSequences = (sampler: MixtureSampler, steps: number) =>
  Array.from(
    { length: steps },
    (_, step) => sampler.batch(step).map(({ source, tokens }) => `${source}:${tokens[0]}`),
  );

Deno.test("batches have the right size, sequences are whole, and none repeats", () => {
  const sampler = new MixtureSampler(base);
  for (const { tokens, loss_spans } of sampler.batch(3)) {
    assert.equal(tokens.length, T + 1);
    assert.equal(tokens[0] % (T + 1), 0);
    assert.deepEqual([...tokens], Array.from({ length: T + 1 }, (_, i) => tokens[0] + i));
    assert.deepEqual(loss_spans, [0, T + 1]);
  }
  const sequences = drawnSequences(sampler, base.steps).flat();
  assert.equal(sequences.length, base.steps * base.global_batch_size);
  assert.equal(new Set(sequences).size, sequences.length);
});

Deno.test("a source is read in random order over the whole of it, not from its start", () => {
  const sampler = new MixtureSampler({ ...base, pieces: constant({ general: 1 }), steps: 50 });
  const places = drawnSequences(sampler, 50).flat().map((b) => Number(b.split(":")[1]) / (T + 1));
  const mean = places.reduce((a, b) => a + b) / places.length;
  // 350 of 500 places without replacement: mean 249.5, standard error 144.3 sqrt(150 / 499 / 350) = 4.2.
  assert.ok(Math.abs(mean - 249.5) < 21, `mean place ${mean}`);
  // A window would keep neighbours together: the first batch would come from a part of the source.
  const spread = Math.max(...places.slice(0, 7)) - Math.min(...places.slice(0, 7));
  assert.ok(spread > 200, `spread ${spread}`);
});

Deno.test("any step's batch is the same without the steps before it, and for any order of weights", () => {
  const steps = drawnSequences(new MixtureSampler(base), base.steps);
  const pieces = constant({ math: 1, general: 7, code: 2 });
  const again = new MixtureSampler({ ...base, sets: new Map([...sets].reverse()), pieces });
  for (const step of [31, 5, 39]) {
    assert.deepEqual(
      again.batch(step).map(({ source, tokens }) => `${source}:${tokens[0]}`),
      steps[step],
    );
  }
  assert.notDeepEqual(
    drawnSequences(new MixtureSampler({ ...base, seed: 12 }), 5),
    steps.slice(0, 5),
  );
});

Deno.test("the parts that any number of ranks take are together the batch", () => {
  const batch = new MixtureSampler(base).batch(17);
  for (let size = 1; size <= 9; size++) {
    const parts = Array.from({ length: size }, (_, rank) => partOf(batch, { rank, size }));
    assert.deepEqual(parts.flat(), batch, `${size} ranks`);
  }
});

Deno.test("a run draws the same however it is cut into phases, mixtures that change included", () => {
  const pieces = extendHistory(
    [],
    0,
    [
      { after_tokens: 0, weights: WEIGHTS, change: "switch" },
      { after_tokens: 21 * T, weights: { general: 1 }, change: "switch" }, // at the end of step 3
      { after_tokens: 150 * T, weights: { general: 0.5, code: 0.5 }, change: "linear" }, // within step 21
    ],
    T,
  );
  const whole = drawnSequences(new MixtureSampler({ ...base, pieces }), 40);
  for (const cut of [1, 3, 4, 20, 39]) {
    const first = new MixtureSampler({ ...base, pieces, steps: cut });
    const second = new MixtureSampler({ ...base, pieces, first_step: cut, steps: 40 - cut });
    const both = [...drawnSequences(first, cut), ...drawnSequences(second, 40 - cut)];
    assert.deepEqual(both, whole, `cut at ${cut}`);
  }
  // The same as a trunk and a branch that names its own mixture at the place of the switch.
  const trunk = constant(WEIGHTS);
  const branch = extendHistory(trunk, 21, { general: 1 }, T);
  const arm = new MixtureSampler({ ...base, pieces: branch, first_step: 3, steps: 10 });
  const single = new MixtureSampler({
    ...base,
    pieces: extendHistory(
      [],
      0,
      [
        { after_tokens: 0, weights: WEIGHTS, change: "switch" },
        { after_tokens: 21 * T, weights: { general: 1 }, change: "switch" },
      ],
      T,
    ),
  });
  assert.deepEqual(drawnSequences(arm, 10), drawnSequences(single, 13).slice(3));
});

Deno.test("two phases in a row repeat nothing", () => {
  const seen = drawnSequences(new MixtureSampler(base), 25).flat();
  const child = new MixtureSampler({
    ...base,
    pieces: extendHistory(base.pieces, 25 * 7, { general: 0.5, code: 0.5 }, T),
    first_step: 25,
    steps: 15,
  });
  const later = drawnSequences(child, 15).flat();
  assert.equal(new Set([...seen, ...later]).size, seen.length + later.length);
});

Deno.test("drawnAfter and the ledger count what the batches contain", () => {
  const pieces = extendHistory(base.pieces, 10 * 7, { general: 0.5, math: 0.5 }, T);
  const sampler = new MixtureSampler({ ...base, pieces, steps: 23 });
  const counts: Record<string, number[]> = { general: [0, 0], code: [0, 0], math: [0, 0] };
  for (let step = 0; step < 23; step++) {
    for (const { source } of sampler.batch(step)) counts[source][step < 10 ? 0 : 1]++;
  }
  const total = ([before, after]: number[]) => before + after;
  assert.deepEqual(sampler.drawnAfter(23), {
    code: total(counts.code),
    general: total(counts.general),
    math: total(counts.math),
  });
  const rows = sampler.ledger(0, 23 * 7);
  assert.deepEqual(rows.map(({ source }) => source), [
    "code",
    "general",
    "math",
    "general",
    "math",
  ]);
  rows.forEach((row, i) => {
    const piece = i < 3 ? 0 : 1;
    const sequences = 7 * (piece === 0 ? 10 : 13);
    assert.deepEqual([row.from, row.to], piece === 0 ? [0, 70] : [70, 161]);
    assert.equal(row.tokens, counts[row.source][piece] * T);
    assert.equal(row.achieved_share, counts[row.source][piece] / sequences);
    assert.ok(Math.abs(row.achieved_share - row.requested_share) < 1.5 / sequences);
    const count = COUNTS[row.source as keyof typeof COUNTS];
    assert.equal(row.available_tokens, count * T);
    assert.equal(row.phase_epochs, counts[row.source][piece] / count);
  });
  assert.equal(rows[4].epochs, total(counts.math) / 64);
});

Deno.test("the ledger counts tokens without padding where sequences differ in length", () => {
  const documents = Array.from({ length: 60 }, (_, i) => Array(1 + (i * 5) % 9).fill(i));
  const packed = pack(setOf("general", documents), { ...OPTIONS, packing: "best_fit" });
  const packed_sets = new Map([["general", packed]]);
  const options = { ...base, sets: packed_sets, pieces: constant({ general: 1 }), steps: 5 };
  const sampler = new MixtureSampler(options);
  const drawn = [0, 1, 2, 3, 4].flatMap((step) => sampler.batch(step));
  const tokens = drawn.reduce((sum, sequence) => sum + sequence.tokens.length - 1, 0);
  assert.ok(tokens < 35 * T);
  assert.equal(sampler.ledger(0, 35)[0].tokens, tokens);
});

Deno.test("repeats are rejected before the first step, with the tokens needed and available", () => {
  // The first step has taken 2 of math's 64 sequences, nine more take 63.
  const pieces = extendHistory(constant({ math: 2, general: 5 }), 7, { math: 1 }, T);
  const options = { ...base, pieces, first_step: 1, steps: 9 };
  assert.throws(
    () => new MixtureSampler(options),
    /9 steps would repeat.*"math" needs 260 tokens \(8 of them.*and has 256/,
  );
  const before = extendHistory(constant({ math: 1, general: 6 }), 7, { math: 1 }, T);
  assert.equal(new MixtureSampler({ ...options, pieces: before }).batch(8).length, 7); // 64 of 64
  assert.equal(new MixtureSampler({ ...options, allow_repeat: ["math"] }).batch(8).length, 7);
  assert.throws(() => new MixtureSampler({ ...options, allow_repeat: ["code"] }), /would repeat/);
});

Deno.test("allowed repetition passes over all sequences before any repeats, in another order", () => {
  const options = { ...base, pieces: constant({ math: 1 }), global_batch_size: 64, steps: 2 };
  const [first, second] = drawnSequences(new MixtureSampler({ ...options, allow_repeat: true }), 2);
  assert.equal(new Set(first).size, 64);
  assert.equal(new Set(second).size, 64);
  assert.notDeepEqual(first, second);
});

Deno.test("mixtures that cannot be drawn are rejected", () => {
  const make = (change: object) => () => new MixtureSampler({ ...base, ...change });
  const empty = new Map([["math", pack(countingSet("math", 1), OPTIONS)]]);
  assert.throws(
    make({ sets: empty, pieces: constant({ math: 1 }) }),
    /"math" has 1 token, less than one/,
  );
  assert.throws(make({ pieces: constant({ poetry: 1 }) }), /"poetry".*"code", "general", "math"/);
  assert.throws(make({ global_batch_size: 0 }), /global_batch_size must be .* got 0/);
  assert.throws(() => new MixtureSampler(base).batch(40), /has 40 steps; there is no step 40/);
});

Deno.test("the plan says what is needed of each source and what there is", () => {
  const row = { from: 0, to: 64, source: "q", requested_share: 1, achieved_share: 1 };
  const rest = { tokens: 256, available_tokens: 32, phase_epochs: 8, epochs: 8 };
  assert.deepEqual(describePlan([{ ...row, ...rest }], T), [
    "tokens 0 to 256: 100.0% from q (256 tokens needed, 32 available, 8.00 epochs by then)",
  ]);
});

import assert from "node:assert/strict";
import { Random } from "../random/mod.ts";
import { extendHistory, type MixtureConfig, MixtureSchedule, shares } from "./mod.ts";
import { meanShare } from "./mixture_schedule.ts";

/** A random mixture of some of six sources, now and then with a weight near or at zero. */
function randomWeights(random: Random): Record<string, number> {
  const weights = Object.fromEntries(
    ["a", "b", "c", "d", "e", "f"].filter(() => random.uniform() < 0.7).map((source) => {
      return [source, random.uniform() < 0.2 ? 0 : random.uniform() ** 3 + 1e-9];
    }),
  );
  return Object.values(weights).some((weight) => weight > 0) ? weights : { a: 1 };
}

/** Points of random kinds, every few sequences. */
function randomConfig(random: Random): MixtureConfig {
  let after_tokens = 0;
  return Array.from({ length: 1 + random.below(5) }, (_, i) => {
    const change = i > 0 && random.uniform() < 0.5 ? "linear" as const : "switch" as const;
    const point = { after_tokens, weights: randomWeights(random), change };
    after_tokens += 1 + random.below(120);
    return point;
  });
}

Deno.test("counts sum to the total, never fall, and stay near the exact shares, whatever the mixture", () => {
  for (let trial = 0; trial < 300; trial++) {
    const pieces = extendHistory([], 0, randomConfig(new Random(0, "schedule", trial)), 1);
    const schedule = new MixtureSchedule(pieces);
    let before: Record<string, number> = {};
    for (let total = 1; total <= 500; total++) {
      const drawn = schedule.drawn(total);
      assert.equal(Object.values(drawn).reduce((a, b) => a + b, 0), total);
      const ideal: Record<string, number> = {};
      for (const { piece, from, to } of schedule.within(0, total)) {
        for (const source of schedule.sources) {
          const share = meanShare(piece, source, from - piece.from, to - piece.from);
          ideal[source] = (ideal[source] ?? 0) + share * (to - from);
        }
      }
      for (const source of schedule.sources) {
        const rise = (drawn[source] ?? 0) - (before[source] ?? 0);
        assert.ok(
          rise === 0 || rise === 1,
          `trial ${trial}: ${source} rose by ${rise} at ${total}`,
        );
        // Each level of nesting rounds by at most one sequence, however many pieces there are.
        const off = Math.abs((drawn[source] ?? 0) - ideal[source]);
        assert.ok(off <= schedule.sources.length, `trial ${trial}: ${source} is off by ${off}`);
      }
      before = drawn;
    }
  }
});

Deno.test("counts sum to the total even where a source gets everything after sharing", () => {
  const random = new Random(1, "all", 0);
  for (let trial = 0; trial < 20_000; trial++) {
    const weight = random.uniform();
    const from = 1 + random.below(200);
    const schedule = new MixtureSchedule([
      { from: 0, weights: shares({ a: weight, b: 1 - weight, c: random.below(2) * 0.3 }) },
      { from, weights: { a: 1 } },
    ]);
    const total = from + random.below(300);
    const sum = Object.values(schedule.drawn(total)).reduce((x, y) => x + y, 0);
    assert.equal(sum, total, `trial ${trial}`);
  }
});

Deno.test("a constant mixture does not drift: every source stays within three sequences", () => {
  const weights = shares({ general: 0.7, code: 0.2, math: 0.09, rare: 0.01 });
  const schedule = new MixtureSchedule([{ from: 0, weights }]);
  for (const total of [1, 10, 999, 1e6, 62_464_000, 4_900_000_001]) {
    const drawn = schedule.drawn(total);
    for (const [source, share] of Object.entries(weights)) {
      assert.ok(Math.abs((drawn[source] ?? 0) - share * total) < 3, `${source} of ${total}`);
    }
  }
});

Deno.test("a moving mixture has the mean of its ends along the way", () => {
  const pieces = extendHistory(
    [],
    0,
    [
      { after_tokens: 0, weights: { general: 1 }, change: "switch" },
      { after_tokens: 4000, weights: { general: 0.5, code: 0.5 }, change: "linear" },
    ],
    4,
  );
  const schedule = new MixtureSchedule(pieces);
  assert.deepEqual(schedule.drawn(1000), { code: 250, general: 750 });
  assert.deepEqual(schedule.drawn(600), { code: 90, general: 510 }); // 600² / 2000 / 2 = 90
  assert.deepEqual(schedule.drawn(2000), { code: 750, general: 1250 }); // the end stays
});

Deno.test("mixtures switch at an exact token", () => {
  const at = (after_tokens: number) =>
    extendHistory(
      [],
      0,
      [
        { after_tokens: 0, weights: { general: 1 }, change: "switch" },
        { after_tokens, weights: { code: 1 }, change: "switch" },
      ],
      16,
    );
  assert.deepEqual(new MixtureSchedule(at(480)).drawn(31), { code: 1, general: 30 });
  assert.throws(
    () => at(490),
    /after 490 tokens, in the middle of a sequence of 16: use 480 or 496/,
  );
});

Deno.test("continuing the current mixture changes nothing, and later points are kept or replaced", () => {
  const first = extendHistory([], 0, { general: 3, code: 1 }, 16);
  assert.deepEqual(extendHistory(first, 50, { code: 0.25, general: 0.75 }, 16), first);
  assert.deepEqual(extendHistory(first, 50, undefined, 16), first);
  const other = extendHistory(first, 50, { general: 1 }, 16);
  assert.deepEqual(other.map(({ from }) => from), [0, 50]);
  assert.deepEqual(extendHistory(other, 20, { math: 1 }, 16).map(({ from }) => from), [0, 20]);
});

Deno.test("points that are not a mixture are rejected", () => {
  const refuse = (config: MixtureConfig, message: RegExp) =>
    assert.throws(() => extendHistory([], 0, config, 16), message);
  const point = { after_tokens: 0, weights: { a: 1 }, change: "switch" as const };
  refuse([], /no point/);
  refuse([{ ...point, after_tokens: 16 }], /first point must be a switch after 0 tokens/);
  refuse([{ ...point, change: "linear" }], /first point must be a switch/);
  refuse([point, point], /after 0 tokens must come after/);
  refuse({ a: -1 }, /weight of "a" must be .* got -1/);
  refuse({ a: NaN }, /weight of "a" must be .* got NaN/);
  refuse({ a: Infinity }, /weight of "a" must be .* got Infinity/);
  refuse({ a: 0 }, /no weight above 0/);
  refuse({}, /no weight above 0/);
  assert.deepEqual(shares({ b: 3, a: 1, c: 0 }), { a: 0.25, b: 0.75 });
});

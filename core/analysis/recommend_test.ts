import assert from "node:assert/strict";
import { setOf } from "../../tests/shared/token_sets.ts";
import { Random } from "../random/mod.ts";
import {
  compareFrequencies,
  highestWeight,
  mixFrequencies,
  planStarts,
  rankCandidates,
  SAMPLING_DEFAULTS,
  tokenFrequencies,
} from "./mod.ts";

/** Documents of 20 tokens, of which a share comes from the target's own range of ids. */
function documents(name: string, count: number, share: number, base: number) {
  const random = new Random(0, name, 0);
  const token = () =>
    (random.uniform() < share ? 1000 : base) + Math.floor(40 * random.uniform() ** 2);
  return setOf(
    name,
    Array.from({ length: count }, () => [...Array.from({ length: 20 }, token), 0]),
  );
}

const sets = new Map(
  [
    documents("target", 100, 1, 0),
    documents("general", 300, 0.02, 0),
    documents("near", 200, 0.6, 100),
    documents("twin", 200, 0.6, 100),
    documents("far", 200, 0, 200),
  ].map((set) => [set.name, set]),
);
const options = {
  target: "target",
  general: "general",
  candidates: ["far", "twin", "near"],
  weights: [0.1, 0.2, 0.5],
  rank_at: 0.2,
  resamples: 60,
  seed: 0,
};

Deno.test("candidates are ranked by proximity advantage at one weight", () => {
  const { candidates, similarity_general } = rankCandidates(sets, options);
  const target = tokenFrequencies(sets.get("target")!, SAMPLING_DEFAULTS, 0);
  const similarity = (weights: Record<string, number>) =>
    compareFrequencies(mixFrequencies(sets, weights, SAMPLING_DEFAULTS, 0), target).similarity;
  assert.equal(similarity_general.value, similarity({ general: 1 }));
  for (const { source, mixtures } of candidates) {
    assert.deepEqual(mixtures.map(({ weight }) => weight), options.weights);
    for (const { weight, similarity: found, advantage } of mixtures) {
      const expected = similarity({ general: 1 - weight, [source]: weight });
      assert.ok(Math.abs(found.value - expected) < 1e-15);
      assert.equal(advantage.value, found.value - similarity_general.value);
      assert.ok(advantage.ci_low! <= advantage.value && advantage.value <= advantage.ci_high!);
    }
  }
  assert.equal(candidates[2].source, "far");
  const [first, second] = candidates.map(({ mixtures }) => mixtures[1].advantage.value);
  assert.ok(first > second);
});

Deno.test("a candidate is undecided if other documents could have ranked it first", () => {
  const [first, second, third] = rankCandidates(sets, options).candidates;
  assert.deepEqual([first.source, second.source].toSorted(), ["near", "twin"]);
  assert.deepEqual([first, second, third].map(({ undecided }) => undecided), [false, true, false]);
  assert.ok(second.behind.ci_low! <= 0 && second.behind.ci_high! >= 0);
  assert.ok(third.behind.ci_low! > 0);
  assert.ok(first.behind.value === 0 && Math.abs(first.behind.ci_high!) < 1e-12);
});

Deno.test("estimates do not depend on the order of candidates or the number of resamples", () => {
  const values = (given: Partial<typeof options>) =>
    rankCandidates(sets, { ...options, ...given }).candidates.map(({ source, behind }) => [
      source,
      behind.value,
    ]);
  assert.deepEqual(values({ candidates: ["near", "far", "twin"] }), values({}));
  assert.deepEqual(values({ resamples: 0 }), values({}));
});

Deno.test("an unlisted rank_at, and an unknown source, give an error", () => {
  assert.throws(
    () => rankCandidates(sets, { ...options, rank_at: 0.3 }),
    /must be one of 0.1, 0.2, 0.5, got 0.3/,
  );
  const missing = { ...options, candidates: ["poetry"] };
  assert.throws(() => rankCandidates(sets, missing), /unknown source "poetry" in a mixture/);
});

Deno.test("nothing repeats: weight times remaining tokens is at most the candidate's tokens", () => {
  const plans = planStarts({
    available: 9e6,
    horizon_tokens: 100e6,
    starts: [0.1, 0.5, 0.9],
    weights: [0.05, 0.1, 0.2, 0.4, 0.8],
  });
  assert.deepEqual(plans.map(({ weight }) => weight), [0.1, 0.1, 0.1]);
  assert.ok(Math.abs(plans[0].lasts - 0.1) < 1e-12); // exactly enough is enough
  assert.ok(Math.abs(plans[1].lasts - 0.18) < 1e-12);
  assert.ok(Math.abs(plans[2].lasts - 0.9) < 1e-12);
  for (const { start, weight, tokens, lasts } of plans) {
    assert.ok(weight! <= lasts + 1e-9 && weight! <= highestWeight(start) + 1e-9);
    assert.ok(Math.abs(tokens! - weight! * (1 - start) * 100e6) < 1e-3);
  }
});

Deno.test("with enough tokens, early starts get high weights and late starts low ones", () => {
  const weights = [0.05, 0.1, 0.2, 0.4, 0.8];
  const starts = [0.1, 0.2, 0.4, 0.6, 0.8];
  const plans = planStarts({ available: 1e9, horizon_tokens: 1e8, starts, weights });
  assert.deepEqual(plans.map(({ weight }) => weight), [0.8, 0.8, 0.4, 0.4, 0.2]);
  assert.ok(plans.every(({ lasts }) => lasts === 1));
});

Deno.test("suggests no weight if the tokens last for none", () => {
  const [plan] = planStarts({
    available: 1e6,
    horizon_tokens: 1e8,
    starts: [0.1],
    weights: [0.05],
  });
  assert.deepEqual(plan, { start: 0.1, lasts: 1e6 / (0.9 * 1e8) });
});

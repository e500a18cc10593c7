import assert from "node:assert/strict";
import type { Candidate, Estimate } from "../../analysis/mod.ts";
import { GENERAL, TARGET } from "./data.ts";
import { leadersOf, type Recommendation, renderRecommendation } from "./render_recommendation.ts";

const around = (value: number, half = 0.01): Estimate => ({
  value,
  ci_low: value - half,
  ci_high: value + half,
});

/** A candidate with an advantage at 20%, so far behind the first. */
const candidate = (source: string, advantage: number, behind: number, undecided = false) =>
  ({
    source,
    mixtures: [{ weight: 0.2, similarity: around(0.5 + advantage), advantage: around(advantage) }],
    behind: around(behind, undecided ? 0.02 : 0.005),
    undecided,
  }) satisfies Candidate;

function recommendation(
  candidates: Candidate[],
  { complete = true, documents = 100, overlaps = {}, ...more }:
    & Partial<Recommendation>
    & { complete?: boolean; documents?: number; overlaps?: Recommendation["data"]["overlaps"] } =
      {},
): Recommendation {
  const holding = { documents, tokens: 1000, complete };
  const names = [TARGET, GENERAL, ...candidates.map(({ source }) => source)];
  return {
    target: "mine",
    data: {
      sets: new Map(),
      candidates: candidates.map(({ source }) => source),
      holdings: new Map(names.map((name) => [name, holding])),
      left_out: {},
      overlaps,
    },
    ranking: { similarity_general: around(0.5), candidates },
    rank_at: 0.2,
    plans: {},
    ...more,
  };
}

const [math, code] = [candidate("math", 0.05, 0), candidate("code", 0.04, 0.01)];

Deno.test("a clear first candidate is named", () => {
  const text = renderRecommendation(recommendation([math, code]));
  assert.match(text, /^First: math, ahead of code by 0\.010 \(0\.005 to 0\.015\)\.$/m);
});

Deno.test("candidates that could also be first make it undecided", () => {
  const flan = candidate("flan", 0.045, 0.005, true);
  const given = recommendation([math, flan, code]);
  assert.deepEqual(leadersOf(given.ranking).map(({ source }) => source), ["math", "flan"]);
  assert.match(
    renderRecommendation(given),
    /^Undecided between math and flan: other documents could/m,
  );
});

Deno.test("where no candidate is closer than general data, none is recommended", () => {
  const text = renderRecommendation(recommendation([candidate("math", 0.005, 0), code]));
  assert.match(
    text,
    /^No candidate is significantly closer to the target than general data \(the first, math/m,
  );
  assert.doesNotMatch(text, /^First/m);
});

Deno.test("without intervals no order is claimed", () => {
  const bare = { ...math.mixtures[0], advantage: { value: 0.05, ci_low: null, ci_high: null } };
  const without = { value: 0.5, ci_low: null, ci_high: null };
  const first = { ...math, mixtures: [bare], behind: { ...without, value: 0 } };
  const given = recommendation([first, { ...code, behind: { ...without, value: 0.01 } }]);
  const ranking = { ...given.ranking, similarity_general: without };
  const text = renderRecommendation({ ...given, ranking });
  assert.match(text, /^Without resamples .* no interval/m);
  assert.doesNotMatch(text, /NaN|null/);
});

Deno.test("starts show the weight that lasts, that there is none, and lower bounds", () => {
  const plans = {
    math: [
      { start: 0.1, lasts: 0.012 },
      { start: 0.8, lasts: 0.055, weight: 0.05, tokens: 1000 },
    ],
  };
  const render = (complete: boolean) =>
    renderRecommendation(
      recommendation([math, code], { plans, horizon_tokens: 100_000, complete }),
    );
  const text = render(true);
  assert.match(text, /^math, over 100,000 tokens$/m);
  assert.match(text, /^ +10% +1\.2% +none *$/m);
  assert.match(text, /^ +80% +5\.5% +5% +1,000$/m);
  assert.match(render(false), /^ +80% +≥ 5\.5% +5% +1,000$/m);
});

Deno.test("a target of few documents decides nothing", () => {
  for (const [documents, expected] of [[1, "1 document"], [29, "29 documents"]] as const) {
    const text = renderRecommendation(recommendation([math, code], { documents }));
    assert.match(
      text,
      new RegExp(`^Undecided: the target has ${expected}, and with fewer than 30`, "m"),
    );
    assert.doesNotMatch(text, /^First/m);
  }
  assert.match(renderRecommendation(recommendation([math], { documents: 30 })), /^First: math/m);
});

Deno.test("a candidate with the target's own documents is not recommended", () => {
  const overlaps = { math: { documents: 60, share: 0.6, same_data: true } };
  const text = renderRecommendation(recommendation([math, code], { overlaps }));
  assert.match(
    text,
    /^overlap {2}math: 60 of the target's documents \(60%\) .*; it is read from the target's own data$/m,
  );
  assert.match(text, /^Undecided: math has documents of the target/m);
  const few = { code: { documents: 1, share: 0.01, same_data: false } };
  const other = renderRecommendation(recommendation([math, code], { overlaps: few }));
  assert.match(other, /^overlap {2}code: 1 of the target's documents \(1%\) are also in it$/m);
  assert.match(other, /^First: math/m);
});

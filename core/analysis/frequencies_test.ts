import assert from "node:assert/strict";
import { setOf } from "../../tests/shared/token_sets.ts";
import {
  compareFrequencies,
  mixFrequencies,
  SAMPLING_DEFAULTS,
  SIMILARITY_DEFAULTS,
  tokenFrequencies,
} from "./mod.ts";

/** The defaults, with at most `max_examples` documents. */
const atMost = (max_examples: number) => ({ ...SAMPLING_DEFAULTS, max_examples });

type Expected = Record<"cosine" | "jaccard" | "overlap" | "distance_base_2", number>;
const texts:
  & { one: number[][]; two: number[][] }
  & Record<
    "one_two" | "one_by_tokens" | "one_by_documents",
    Expected
  > = JSON.parse(
    await Deno.readTextFile(
      new URL("../../tests/fixtures/similarity/documents.json", import.meta.url),
    ),
  );

Deno.test("similarities of real texts and mixtures agree with SciPy and scikit-learn", () => {
  const ended = (documents: number[][]) => documents.map((ids) => [...ids, 0]);
  const sets = new Map([
    ["one", setOf("one", ended(texts.one))],
    ["two", setOf("two", ended(texts.two))],
  ]);
  const [one, two] = [...sets.values()].map((set) => tokenFrequencies(set, SAMPLING_DEFAULTS, 0));
  const mixed = (mixture_by: "tokens" | "documents") =>
    mixFrequencies(sets, { one: 0.2, two: 0.8 }, { ...SAMPLING_DEFAULTS, mixture_by }, 0);
  for (
    const [other, expected] of [
      [two, texts.one_two],
      [mixed("tokens"), texts.one_by_tokens],
      [mixed("documents"), texts.one_by_documents],
    ] as const
  ) {
    const distance = { ...SIMILARITY_DEFAULTS, jensen_shannon: "distance" } as const;
    const { cosine, jaccard, overlap, jensen_shannon } = compareFrequencies(one, other, distance);
    const actual = { cosine, jaccard, overlap, distance_base_2: jensen_shannon };
    for (const [key, value] of Object.entries(actual)) {
      assert.ok(Math.abs(value - expected[key as keyof Expected]) < 1e-12, key);
    }
  }
});

Deno.test("frequencies exclude end-of-text tokens", () => {
  const set = setOf("s", [[1, 1, 2, 0], [3, 0], [0]]);
  assert.deepEqual([...tokenFrequencies(set, atMost(10), 0)], [0, 1 / 2, 1 / 4, 1 / 4]);
  const documents = Array.from({ length: 200 }, (_, i) => [i, 999]);
  const sampled = (seed: number) =>
    tokenFrequencies(setOf("many", documents), atMost(50), seed).filter((share) => share > 0);
  assert.deepEqual([...sampled(1)], new Array(50).fill(1 / 50));
  const whole = (seed: number) => tokenFrequencies(setOf("many", documents), atMost(50), seed);
  assert.deepEqual(whole(1), whole(1));
  assert.notDeepEqual(whole(1), whole(2));
});

Deno.test("at_most uses fewer documents of a small set; at_least repeats them, and uses all of a large set", () => {
  const set = setOf("s", [[1, 0], [2, 0], [3, 0], [4, 0]]);
  const sorted = (max_examples: number, sample_size: "at_most" | "at_least") =>
    [...tokenFrequencies(set, { ...SAMPLING_DEFAULTS, max_examples, sample_size }, 0)]
      .filter((share) => share > 0).sort();
  const quarters = new Array(4).fill(1 / 4);
  assert.deepEqual(sorted(2, "at_most"), [1 / 2, 1 / 2]);
  assert.deepEqual(sorted(2, "at_least"), quarters);
  assert.deepEqual(sorted(6, "at_most"), quarters);
  assert.deepEqual(sorted(6, "at_least"), [1 / 6, 1 / 6, 1 / 3, 1 / 3]);
});

Deno.test("mixture weights are shares of tokens, or of documents", () => {
  const long = setOf("long", Array.from({ length: 40 }, () => [...new Array(90).fill(1), 0]));
  const short = setOf("short", Array.from({ length: 400 }, () => [2, 0]));
  const sets = new Map([["long", long], ["short", short]]);
  const weights = { long: 1, short: 3 };
  const mixed = mixFrequencies(sets, weights, atMost(100), 0);
  assert.ok(Math.abs(mixed[1] - 0.25) < 1e-12 && Math.abs(mixed[2] - 0.75) < 1e-12);
  const pooled = mixFrequencies(sets, weights, { ...atMost(100), mixture_by: "documents" }, 0);
  assert.ok(Math.abs(pooled[1] - 90 / 93) < 1e-12 && Math.abs(pooled[2] - 3 / 93) < 1e-12);
  assert.deepEqual(
    mixFrequencies(sets, { long: 5 }, atMost(100), 0),
    tokenFrequencies(long, atMost(100), 0),
  );
});

Deno.test("a mixture's examples are divided among its sources", () => {
  const documents = Array.from({ length: 300 }, (_, i) => [i + 1, 0]);
  const other = Array.from({ length: 300 }, (_, i) => [i + 1001, 0]);
  const sets = new Map([["a", setOf("a", documents)], ["b", setOf("b", other)]]);
  const counted = (sample_size: "at_most" | "at_least") => {
    const mixed = mixFrequencies(sets, { a: 0.8, b: 0.2 }, { ...atMost(100), sample_size }, 0);
    const [a, b] = [mixed.subarray(0, 1000), mixed.subarray(1000)];
    return [a, b].map((part) => part.filter((share) => share > 0).length);
  };
  assert.deepEqual(counted("at_most"), [80, 20]);
  assert.deepEqual(counted("at_least"), [300, 300]);
});

Deno.test("a mixture of full samples has all special documents, and general ones up to their sample", () => {
  const set = (name: string, first: number, documents: number) =>
    setOf(name, Array.from({ length: documents }, (_, i) => [first + i, 0]));
  const sets = new Map([
    ["web", set("web", 1, 300)],
    ["code", set("code", 1_001, 300)],
    ["math", set("math", 2_001, 20)],
  ]);
  const counted = (weights: Record<string, number>, max_examples: number) => {
    const options = {
      ...atMost(max_examples),
      mixture_by: "full_samples",
      general: "web",
    } as const;
    const mixed = mixFrequencies(sets, weights, options, 0);
    const used = (part: Float64Array) => part.filter((share) => share > 0);
    // Documents are pooled: each of them counts as much as any other.
    assert.ok(used(mixed).every((share) => Math.abs(share * used(mixed).length - 1) < 1e-12));
    return [[0, 1_000], [1_000, 2_000], [2_000, 3_000]].map(([from, to]) =>
      used(mixed.subarray(from, to)).length
    );
  };
  // floor(100 · 0.8 / 0.2) = 400 are more than the sample of 100: half and half.
  assert.deepEqual(counted({ web: 0.8, code: 0.2 }, 100), [100, 100, 0]);
  assert.deepEqual(counted({ web: 0.3, code: 0.7 }, 100), [42, 100, 0]);
  // A special source with fewer documents has fewer general ones beside it: floor(20 · 0.88 / 0.12).
  assert.deepEqual(counted({ web: 0.88, math: 0.12 }, 200), [146, 0, 20]);
  // Several special sources share the special sample by their weights.
  assert.deepEqual(counted({ web: 0.8, code: 0.15, math: 0.05 }, 40), [40, 30, 10]);
  assert.deepEqual(counted({ code: 0.5, math: 0.5 }, 40), [0, 20, 20]);
  assert.deepEqual(counted({ web: 1 }, 40), [40, 0, 0]);
  // floor(1 · 0.1 / 0.9) = 0.
  assert.deepEqual(counted({ web: 0.1, code: 0.9 }, 1), [0, 1, 0]);
});

Deno.test("the most frequent tokens are kept, and of equal counts the smaller ids", () => {
  const set = setOf("s", [[7, 7, 7, 5, 5, 3, 3, 9, 0]]);
  const kept = (vocabulary: number) => {
    const shares = tokenFrequencies(set, { ...atMost(1), vocabulary }, 0);
    return Object.fromEntries([...shares.entries()].filter(([, share]) => share > 0));
  };
  assert.deepEqual(kept(2), { 3: 2 / 5, 7: 3 / 5 });
  assert.deepEqual(kept(3), { 3: 2 / 7, 5: 2 / 7, 7: 3 / 7 });
  assert.deepEqual(kept(4), { 3: 2 / 8, 5: 2 / 8, 7: 3 / 8, 9: 1 / 8 });
});

Deno.test("the BOS token is not counted where the tokenizer is known", () => {
  const set = setOf("s", [[8, 1, 2, 0], [8, 8, 0], [1, 0]]);
  const tokenizer = {
    prefix_ids: [8],
    encode: () => Uint16Array.of(),
    decode: () => "",
  };
  const shares = (options: object) => [...tokenFrequencies(set, { ...atMost(9), ...options }, 0)];
  assert.deepEqual(shares({ tokenizer }).filter((share) => share > 0), [1 / 2, 1 / 4, 1 / 4]);
  assert.equal(shares({})[8], 3 / 6);
  assert.deepEqual(shares({ tokenizer, max_tokens: 1 }).slice(1, 3), [2 / 3, 0]);
});

Deno.test("documents without text, and unknown sources, give an error", () => {
  const empty = setOf("empty", [[0]]);
  assert.throws(
    () => tokenFrequencies(empty, atMost(10), 0),
    /source "empty" has no text in 1 sampled document/,
  );
  assert.throws(
    () => mixFrequencies(new Map([["empty", empty]]), { code: 1 }, atMost(10), 0),
    /unknown source "code" in a mixture; sources are empty/,
  );
});

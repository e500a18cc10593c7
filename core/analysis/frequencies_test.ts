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

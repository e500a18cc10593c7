import assert from "node:assert/strict";
import { answerSpans, type Batch, type ports } from "@causeway/core/stage";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { similarity } from "./mod.ts";

type Tokens = typeof ports.tokens.columns;
type Row =
  & Record<"similarity" | "jaccard", number>
  & Record<"ci_low" | "ci_high", number | null>
  & Record<"a" | "b", string>;

/** A table of two-token documents, the second token being end-of-text. */
function tokensOf(source: string, ids: number[]): Batch<Tokens> {
  return {
    source: ids.map(() => source),
    dataset: ids.map(() => source),
    tokens: {
      values: Uint16Array.from(ids.flatMap((id) => [id, 0])),
      offsets: Int32Array.from({ length: ids.length + 1 }, (_, i) => 2 * i),
    },
    loss_spans: answerSpans(Int32Array.from({ length: ids.length + 1 }, (_, i) => 2 * i)),
    text_bytes: new Int32Array(ids.length),
  };
}

const inputs = {
  tokens: {
    x: tokensOf("general", [1, 1, 1, 2]),
    y: tokensOf("code", [3, 3, 2, 4]),
    z: tokensOf("pycode", [3, 4]),
  },
};

async function run(config: object): Promise<Row[]> {
  const fake = await fakeContext(similarity, { config, inputs });
  await similarity.run(fake.ctx);
  const table = fake.collected().similarity;
  return table.a.map((a, i) => ({
    a,
    b: table.b[i],
    similarity: table.similarity[i],
    jaccard: table.jaccard[i],
    ci_low: table.ci_low[i],
    ci_high: table.ci_high[i],
  }));
}

const value = (rows: Row[], a: string, b: string) =>
  rows.find((row) => row.a === a && row.b === b)!.similarity;

Deno.test("the matrix is square and symmetric, with ones on its diagonal", async () => {
  const rows = await run({ mixtures: { half: { general: 1, code: 1 } } });
  const names = ["code", "general", "pycode", "half"];
  assert.deepEqual(
    rows.map(({ a, b }) => [a, b]),
    names.flatMap((a) => names.map((b) => [a, b])),
  );
  for (const a of names) {
    assert.ok(Math.abs(value(rows, a, a) - 1) < 1e-12);
    for (const b of names) assert.ok(Math.abs(value(rows, a, b) - value(rows, b, a)) < 1e-12);
  }
  // A mixture lies between its parts.
  assert.ok(value(rows, "general", "pycode") < value(rows, "half", "pycode"));
  assert.ok(value(rows, "half", "pycode") < value(rows, "code", "pycode"));
  assert.equal(rows.find((row) => row.a === "code" && row.b === "general")!.jaccard, 1 / 4);
});

Deno.test("sources can be chosen, and weights changed", async () => {
  const weights = { cosine: 0, jaccard: 1, jensen_shannon: 0 };
  const rows = await run({ sources: ["pycode", "code"], weights });
  assert.deepEqual(rows.map(({ a }) => a), ["pycode", "pycode", "code", "code"]);
  assert.equal(value(rows, "pycode", "code"), 2 / 3);
});

Deno.test("resamples give intervals", async () => {
  const mixtures = { half: { general: 1, code: 1 } };
  for (const { ci_low, ci_high } of await run({ mixtures })) {
    assert.deepEqual([ci_low, ci_high], [null, null]);
  }
  const rows = await run({ mixtures, resamples: 50 });
  for (const { a, b, similarity, ...bounds } of rows) {
    const [ci_low, ci_high] = [bounds.ci_low!, bounds.ci_high!];
    const width = ci_high - ci_low;
    assert.ok(ci_low - 1e-12 <= similarity && similarity <= ci_high + 1e-12, `${a} and ${b}`);
    // Sets without a common token have none in any resample.
    assert.ok(
      a === b || similarity === 0 ? width < 1e-12 : width > 0.01,
      `${a} and ${b}: a width of ${width}`,
    );
    const back = rows.find((row) => row.a === b && row.b === a)!;
    assert.deepEqual([back.ci_low, back.ci_high], [ci_low, ci_high]);
  }
  assert.deepEqual(await run({ mixtures, resamples: 50 }), rows);
});

Deno.test("documents of equal length weigh the same by tokens and by documents; at_least uses all examples", async () => {
  const mixtures = { half: { general: 1, pycode: 1 } };
  const usual = value(await run({ mixtures }), "half", "pycode");
  assert.equal(value(await run({ mixtures, mixture_by: "documents" }), "half", "pycode"), usual);
  const few = await run({ max_examples: 1, sources: ["pycode", "code"] });
  const all = await run({ max_examples: 1, sources: ["pycode", "code"], sample_size: "at_least" });
  assert.equal(value(all, "pycode", "code"), value(await run({}), "pycode", "code"));
  assert.notEqual(value(few, "pycode", "code"), value(all, "pycode", "code"));
});

Deno.test("the paper's settings are the defaults", () => {
  const config = similarity.config.parse({});
  assert.deepEqual(config.weights, { cosine: 0.4, jaccard: 0.3, jensen_shannon: 0.3 });
  assert.equal(config.max_examples, 10_000);
  assert.equal(config.sample_size, "at_most");
  assert.equal(config.resamples, 0);
});

Deno.test("settings that do not fit the data give an error", async () => {
  await assert.rejects(
    run({ sources: ["poetry"] }),
    /unknown source "poetry"; sources are code, general, pycode/,
  );
  await assert.rejects(run({ sources: ["code", "code"] }), /"code" is listed twice/);
  await assert.rejects(run({ mixtures: { code: { general: 1 } } }), /same name as a source/);
  await assert.rejects(
    run({ mixtures: { m: { poetry: 1 } } }),
    /unknown source "poetry" in a mixture/,
  );
  assert.throws(() => similarity.config.parse({ weights: { cosine: 0.5 } }), /must sum to 1/);
  assert.throws(() => similarity.config.parse({ max_example: 5 }), /max_example/);
});

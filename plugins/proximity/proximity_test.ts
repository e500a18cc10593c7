import assert from "node:assert/strict";
import { pearson } from "@causeway/core/analysis";
import { answerSpans, type Batch, type ports, type study_ports } from "@causeway/core/stage";
import { conformance } from "../../tests/conformance/mod.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { TINY_TOKENIZER } from "../../tests/shared/tiny_training.ts";
import { proximity } from "./mod.ts";

/** Documents of two tokens each: an id, and end-of-text. */
function tokensOf(sources: Record<string, number[]>): Batch<typeof ports.tokens.columns> {
  const rows = Object.entries(sources).flatMap(([source, ids]) =>
    ids.map((id) => ({ source, id }))
  );
  return {
    source: rows.map(({ source }) => source),
    dataset: rows.map(({ source }) => source),
    tokens: {
      values: Uint16Array.from(rows.flatMap(({ id }) => [id, 0])),
      offsets: Int32Array.from({ length: rows.length + 1 }, (_, i) => 2 * i),
    },
    loss_spans: answerSpans(Int32Array.from({ length: rows.length + 1 }, (_, i) => 2 * i)),
    text_bytes: new Int32Array(rows.length),
  };
}

type ArmRow = [arm: string, kind: string, specialised: string, weight: number];

function armsOf(rows: ArmRow[]): Batch<typeof study_ports.study_arms.columns> {
  const zeros = new Float64Array(rows.length);
  return {
    arm: rows.map(([arm]) => arm),
    label: rows.map(([arm]) => arm),
    kind: rows.map(([, kind]) => kind),
    specialised: rows.map(([, , specialised]) => specialised),
    weight: Float64Array.from(rows, ([, , , weight]) => weight),
    start: zeros,
    end: zeros,
    tokens: zeros,
    specialised_tokens: zeros,
  };
}

type ComparisonRow = [
  arm: string,
  target: string,
  source: string,
  relative_improvement: number | null,
];

function comparisonOf(rows: ComparisonRow[]): Batch<typeof study_ports.study_comparison.columns> {
  const zeros = new Float64Array(rows.length);
  return {
    arm: rows.map(([arm]) => arm),
    target: rows.map(([, target]) => target),
    source: rows.map(([, , source]) => source),
    reference: rows.map(() => "control"),
    trunks: new Int32Array(rows.length).fill(1),
    seeds: new Int32Array(rows.length).fill(3),
    replication: rows.map(() => "seeds"),
    source_tokens: zeros,
    loss_before: zeros,
    loss_after: zeros,
    sd_after: [...zeros],
    sd_trunks: rows.map(() => null),
    sd_seeds: [...zeros],
    difference: [...zeros],
    ci_low: [...zeros],
    ci_high: [...zeros],
    df: [...zeros],
    p: [...zeros],
    se_documents: rows.map(() => null),
    ci_documents_low: rows.map(() => null),
    ci_documents_high: rows.map(() => null),
    detectable: [...zeros],
    relative_improvement: rows.map(([, , , improvement]) => improvement),
  };
}

const tokens = tokensOf({
  general: [1, 1, 1, 2, 2, 3, 4, 5],
  code: [6, 6, 6, 7, 7, 8, 3, 3],
  math: [9, 9, 10, 11, 11, 4],
  pycode: [6, 6, 7, 3, 8],
  sums: [9, 10, 10, 4, 5],
});
const arms: ArmRow[] = [
  ["control", "control", "", 0],
  ["code", "midtrain", "code", 0.25],
  ["math", "midtrain", "math", 0.5],
  ["code_alone", "continued", "code", 1],
];
const comparison: ComparisonRow[] = [
  ["control", "pycode", "pycode", null],
  ["code", "pycode", "general", 0.9], // general text does not count
  ["code", "pycode", "pycode", 0.05],
  ["code_alone", "pycode", "pycode", 0.08],
  ["math", "pycode", "pycode", -0.01],
  ["code", "sums", "sums", 0.002],
  ["math", "sums", "sums", 0.04],
  ["code_alone", "sums", "sums", -0.02],
];
const inputs = {
  tokens: { data: tokens },
  arms: armsOf(arms),
  comparison: comparisonOf(comparison),
};

conformance(proximity, [{ name: "two mixtures and two targets", config: {}, inputs }]);

async function run(config: object = {}, given: object = {}) {
  const fake = await fakeContext(proximity, { config, inputs: { ...inputs, ...given } });
  await proximity.run(fake.ctx);
  return { ...fake.collected(), logs: fake.logs };
}

/** 0.4 cosine + 0.3 Jaccard + 0.3 (1 - Jensen-Shannon), computed independently. */
function similarity(p: Record<number, number>, q: Record<number, number>): number {
  const ids = [...new Set([...Object.keys(p), ...Object.keys(q)])].map(Number);
  const of = (shares: Record<number, number>, id: number) => shares[id] ?? 0;
  const dot = (a: Record<number, number>, b: Record<number, number>) =>
    ids.reduce((sum, id) => sum + of(a, id) * of(b, id), 0);
  const entropy = (shares: (id: number) => number) =>
    ids.reduce((sum, id) => shares(id) > 0 ? sum - shares(id) * Math.log2(shares(id)) : sum, 0);
  // JS = H((p + q) / 2) - (H(p) + H(q)) / 2
  const divergence = entropy((id) => (of(p, id) + of(q, id)) / 2) -
    (entropy((id) => of(p, id)) + entropy((id) => of(q, id))) / 2;
  const shared = ids.filter((id) => of(p, id) > 0 && of(q, id) > 0).length;
  return 0.4 * dot(p, q) / Math.sqrt(dot(p, p) * dot(q, q)) + 0.3 * shared / ids.length +
    0.3 * (1 - divergence);
}

const general = { 1: 3 / 8, 2: 2 / 8, 3: 1 / 8, 4: 1 / 8, 5: 1 / 8 };
const code = { 6: 3 / 8, 7: 2 / 8, 8: 1 / 8, 3: 2 / 8 };
const pycode = { 6: 2 / 5, 7: 1 / 5, 3: 1 / 5, 8: 1 / 5 };
const code_mixture = Object.fromEntries(
  [1, 2, 3, 4, 5, 6, 7, 8].map((id) => [
    id,
    0.75 * ((general as Record<number, number>)[id] ?? 0) +
    0.25 * ((code as Record<number, number>)[id] ?? 0),
  ]),
);

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} is not ${expected}`);
}

Deno.test("proximity is that of Appendix C, and improvement is on the target itself", async () => {
  const { proximity: rows } = await run();
  assert.deepEqual(rows.arm, ["code", "code", "math", "math"]);
  assert.deepEqual(rows.target, ["pycode", "sums", "pycode", "sums"]);
  near(rows.similarity[0], similarity(code_mixture, pycode));
  near(rows.similarity_general[0], similarity(general, pycode));
  near(rows.advantage[0], rows.similarity[0] - rows.similarity_general[0]);
  assert.deepEqual([...rows.relative_improvement], [0.05, 0.002, -0.01, 0.04]);
});

Deno.test("the legs lead from general data over the mixture to the target", async () => {
  const { legs, proximity: rows } = await run();
  assert.deepEqual(legs.arm, rows.arm);
  near(legs.general_to_mixture[0], similarity(general, code_mixture));
  assert.deepEqual(legs.mixture_to_target, rows.similarity);
  assert.deepEqual(legs.general_to_target, rows.similarity_general);
});

Deno.test("correlations are listed for the config's options first, then for each alternative", async () => {
  const { correlation, proximity: rows, logs } = await run();
  const { n, r, p, ci_low, ci_high } = pearson(
    rows.advantage,
    rows.relative_improvement as number[],
  );
  assert.ok(r! > 0.8, `r ${r}`);
  assert.deepEqual([...correlation.is_default], [1, ...new Array(14).fill(0)]);
  assert.equal(new Set(correlation.choice).size, 15);
  const first = (["n", "r", "p", "ci_low", "ci_high"] as const).map((key) => correlation[key][0]);
  assert.deepEqual(first, [n, r, p, ci_low, ci_high]);
  assert.match(
    logs.at(-1)!,
    /r = 0\.\d{3} \(-?\d\.\d\d to \d\.\d\d\), p = .*, 4 pairs; .*none: too few arms$/,
  );
  // Documents are short, of one length and few, so these choices change nothing here; the others do.
  const unchanged = [
    "as configured",
    "mixtures by shares of documents",
    "first 512 tokens of each text",
  ];
  for (const [i, choice] of correlation.choice.entries()) {
    assert.equal(Math.abs(correlation.r[i]! - r!) < 1e-9, unchanged.includes(choice), choice);
  }
});

Deno.test("options set in the config give the value listed under their name", async () => {
  const variant = async (name: string) => {
    const { correlation } = await run();
    return correlation.r[correlation.choice.indexOf(name)];
  };
  const own = async (config: object) => (await run(config)).correlation.r[0];
  assert.equal(await own({ against: "specialised" }), await variant("specialised source alone"));
  assert.equal(await own({ log_base: Math.E }), await variant("natural logarithm"));
  assert.equal(await own({ sample_size: "at_least" }), await variant("examples: max(size, 10000)"));
  const weights = { cosine: 0, jaccard: 1, jensen_shannon: 0 };
  assert.equal(await own({ weights }), await variant("Jaccard alone"));
  assert.equal(
    await own({ mixture_by: "full_samples" }),
    await variant("mixtures of full samples"),
  );
  const reciprocal = await own({ jensen_shannon: "reciprocal" });
  assert.equal(reciprocal, await variant("1 / (1 + Jensen-Shannon divergence)"));
  const { correlation } = await run({ against: "specialised" });
  assert.ok(correlation.choice.includes("mixture at its weights"));
});

Deno.test("the authors' choices are listed together; their cut by characters needs the tokenizer", async () => {
  const released = async (given: object, config: object = {}) => {
    const { correlation } = await run(config, given);
    return [correlation.choice[1], correlation.r[1], correlation.r[0]] as const;
  };
  const [without, r] = await released({});
  assert.equal(without, "as the authors' code does, but for its cut to 10,000 characters");
  const [whole, same] = await released({ tokenizer: TINY_TOKENIZER });
  assert.equal(whole, "as the authors' code does");
  assert.equal(same, r); // texts are far shorter
  const preset = { preset: "as_released" };
  const [text, plain, own] = await released({ tokenizer: TINY_TOKENIZER }, preset);
  assert.deepEqual([text, own], ["as the text of the paper says", r]);
  assert.equal(plain, (await run()).correlation.r[0]);
  await assert.rejects(run(preset), /max_characters needs the text/);
});

Deno.test("other kinds of arm, and targets, can be chosen", async () => {
  const { proximity: rows } = await run({ kinds: ["midtrain", "continued"], targets: ["sums"] });
  assert.deepEqual(rows.arm, ["code", "math", "code_alone"]);
  assert.deepEqual(rows.target, ["sums", "sums", "sums"]);
});

Deno.test("a group counts as the mixture of its sources", async () => {
  // Two thirds and a third of a quarter, whatever the scale of the shares.
  const of_both: ArmRow[] = [["control", "control", "", 0], ["code", "midtrain", "both", 0.25]];
  const given = { arms: armsOf(of_both) };
  const { legs } = await run({ groups: { both: { code: 2, math: 1 } } }, given);
  const math = { 9: 2 / 6, 10: 1 / 6, 11: 2 / 6, 4: 1 / 6 };
  const mixture = Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((id) => {
    const of = (shares: Record<number, number>) => shares[id] ?? 0;
    return [id, 0.75 * of(general) + 0.25 * (2 * of(code) + of(math)) / 3];
  }));
  near(legs.general_to_mixture[0], similarity(general, mixture));
  const alone = await run({ groups: { both: { code: 1 } }, against: "specialised" }, given);
  near(alone.legs.mixture_to_target[0], similarity(code, pycode));
});

Deno.test("with the runs of several trunks, these are resampled with the arms", async () => {
  const more: ArmRow[] = [...arms, ["both", "midtrain", "pycode", 0.5]];
  const compared: ComparisonRow[] = [
    ...comparison.filter(([arm]) => arm !== "code" && arm !== "math"),
    ["code", "pycode", "pycode", 0.05],
    ["math", "pycode", "pycode", -0.01],
    ["code", "sums", "sums", 0.02],
    ["math", "sums", "sums", 0.04],
    ["both", "pycode", "pycode", 0.03],
    ["both", "sums", "sums", -0.01],
  ];
  const rows = compared.flatMap(([arm, target, source, improvement]) =>
    [0, 1, 2].flatMap((trunk) =>
      [1, 2].map((seed) => {
        const loss_after = 2 * (1 - (improvement ?? 0)) +
          0.03 * (trunk - 1) * (arm === "math" ? -1 : 1) + 0.01 * seed;
        return { arm, target, source, trunk, seed, loss_after };
      })
    )
  );
  const references = rows.filter(({ arm }) => arm === "both")
    .map((row) => ({ ...row, arm: "control", loss_after: 2.015 }));
  const all = [...rows, ...references];
  const numbers = (value: (row: typeof all[number]) => number) => Float64Array.from(all, value);
  const runs: Batch<typeof study_ports.study_runs.columns> = {
    arm: all.map(({ arm }) => arm),
    target: all.map(({ target }) => target),
    trunk: Int32Array.from(all, ({ trunk }) => trunk),
    seed: Int32Array.from(all, ({ seed }) => seed),
    learning_rate: numbers(() => 1e-3),
    source: all.map(({ source }) => source),
    loss_before: numbers(() => 3),
    loss_after: numbers(({ loss_after }) => loss_after),
    bits_per_byte_before: all.map(() => null),
    bits_per_byte_after: all.map(() => null),
  };
  const given = { arms: armsOf(more), comparison: comparisonOf(compared) };
  const without = (await run({}, given)).correlation;
  const { correlation, logs } = await run({}, { ...given, runs });
  assert.deepEqual([without.trunks[0], correlation.trunks[0]], [1, 3]);
  assert.equal(correlation.r[0], without.r[0]);
  for (const  of of[without, correlation]) {
    assert.ok(of.ci_resampled_low[0]! < of.r[0]! && of.r[0]! < of.ci_resampled_high[0]!);
  }
  assert.notEqual(correlation.ci_resampled_low[0], without.ci_resampled_low[0]);
  assert.match(logs.at(-1)!, /6 pairs; resampling arms and trunks: -?\d\.\d\d to \d\.\d\d$/);
  const none = await run({ resamples: 0 }, given);
  assert.equal(none.correlation.ci_resampled_low[0], null);
});

Deno.test("an arm that was not compared has a proximity, but is left out of the correlation", async () => {
  const partial = comparisonOf(
    comparison.filter(([arm, target]) => arm !== "math" || target !== "sums"),
  );
  const { proximity: rows, correlation, logs } = await run({}, { comparison: partial });
  assert.ok(rows.relative_improvement[3] === null && rows.advantage[3] > 0);
  assert.equal(correlation.n[0], 3);
  assert.match(
    logs[0],
    /left out of the correlation, not compared with the reference arm: math on sums/,
  );
});

Deno.test("two pairs have no correlation", async () => {
  const { correlation, logs } = await run({ targets: ["sums"] });
  assert.equal(correlation.n[0], 2);
  assert.ok(correlation.r.every((r) => r === null));
  assert.match(logs.at(-1)!, /2 pairs, no correlation/);
});

Deno.test("invalid configs and inputs are refused", async () => {
  await assert.rejects(run({ targets: ["poetry"] }), /target "poetry"; targets are pycode, sums/);
  await assert.rejects(
    run({ kinds: ["along_run"] }),
    /no arm of kind along_run .* control, midtrain/,
  );
  await assert.rejects(run({ general: "web" }), /unknown source "web" in a mixture/);
  const heavy = armsOf([["code", "midtrain", "code", 20]]);
  await assert.rejects(
    run({}, { arms: heavy }),
    /weight of arm "code" must be in \(0, 1\], got 20/,
  );
});

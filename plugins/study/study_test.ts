import assert from "node:assert/strict";
import {
  combinedInterval,
  pairedDifference,
  ratioError,
  varianceComponents,
} from "@causeway/core/analysis";
import type { study_ports } from "@causeway/core/stage";
import { conformance } from "../../tests/conformance/mod.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { study } from "./mod.ts";

const ARM = { kind: "midtrain", specialised: "code", weight: 0.2, start: 0.5 } as const;
const CONFIG = {
  arms: [
    {
      name: "control",
      label: "control",
      kind: "control" as const,
      phases: ["trunk", "rest"],
      reference: "control",
    },
    { name: "code", label: "20% code", ...ARM, phases: ["trunk", "code"], reference: "control" },
  ],
  runs: ["control", "code"].flatMap((arm) =>
    [1, 2, 3].map((seed) => ({ label: `${arm}.${seed}`, arm, target: "pycode", seed }))
  ),
};

/** Losses on the target after fine-tuning, by seed. */
const AFTER: Record<string, number[]> = { control: [2, 2.1, 2.2], code: [1.9, 1.8, 2.1] };

const ledger = (rows: Record<string, number>) => ({
  from_token: Float64Array.from(Object.keys(rows), () => 0),
  to_token: Float64Array.from(Object.keys(rows), () => 100),
  source: Object.keys(rows),
  requested_share: Float64Array.from(Object.keys(rows), () => 0.5),
  achieved_share: Float64Array.from(Object.keys(rows), () => 0.5),
  tokens: Float64Array.from(Object.values(rows)),
  available_tokens: Float64Array.from(Object.keys(rows), () => 1000),
  phase_epochs: Float64Array.from(Object.keys(rows), () => 0.1),
  epochs: Float64Array.from(Object.keys(rows), () => 0.1),
});

const validation = (after: number, first_step = 0) => ({
  step: Int32Array.of(first_step, first_step, 5, 5),
  source: ["pycode", "general", "pycode", "general"],
  loss: Float64Array.of(4, 3, after, 3.5),
  bits_per_byte: [null, 1, null, 1.25],
  tokens: Float64Array.of(10, 10, 10, 10),
});

const training = {
  step: Int32Array.of(1, 2, 3),
  tokens: Float64Array.of(10, 20, 30),
  loss: Float64Array.of(4, 3, 2),
  learning_rate: Float64Array.of(5e-4, 1e-3, 2e-4),
  grad_norm: Float64Array.of(1, 1, 1),
};

const labels = CONFIG.runs.map(({ label, arm, seed }) => ({ label, after: AFTER[arm][seed - 1] }));
const INPUTS = {
  validation: Object.fromEntries(labels.map(({ label, after }) => [label, validation(after)])),
  training: Object.fromEntries(labels.map(({ label }) => [label, training])),
  mixtures: {
    trunk: ledger({ general: 60 }),
    rest: ledger({ general: 40 }),
    code: ledger({ general: 32, code: 8 }),
  },
};

/** Losses of three documents of each source, of 2, 3 and 5 tokens, that average to `after` on pycode, and 3.5. */
const documents = (after: number, shift: number) => {
  const rows = [0, 5].flatMap((step) =>
    ["pycode", "general"].flatMap((source) =>
      [2, 3, 5].map((tokens, document) => {
        const own = source === "pycode" && step > 0 ? [shift, -shift, 0][document] : 0;
        const loss = source === "pycode" ? after : 3.5;
        return { step, source, document, tokens, loss_sum: tokens * loss + own };
      })
    )
  );
  return {
    step: Int32Array.from(rows, ({ step }) => step),
    source: rows.map(({ source }) => source),
    document: Int32Array.from(rows, ({ document }) => document),
    loss_sum: Float64Array.from(rows, ({ loss_sum }) => loss_sum),
    tokens: Int32Array.from(rows, ({ tokens }) => tokens),
  };
};
const DOCUMENTS = Object.fromEntries(
  labels.map(({ label, after }, i) => [label, documents(after, 0.1 * i)]),
);

conformance(study, [
  { name: "two arms and three seeds", config: CONFIG, inputs: INPUTS },
  {
    name: "losses of documents",
    config: CONFIG,
    inputs: { ...INPUTS, documents: DOCUMENTS },
  },
]);

async function compared(config = {}, changes = {}) {
  const fake = await fakeContext(study, {
    config: { ...CONFIG, ...config },
    inputs: {
      ...INPUTS,
      ...changes,
    },
  });
  await study.run(fake.ctx);
  return { ...fake.collected(), logs: fake.logs };
}

type Collected = Awaited<ReturnType<typeof compared>>;

/** A cell of the comparison of an arm on a source. */
function cellOf({ comparison }: Collected, arm: string, source: string) {
  const at = comparison.arm.findIndex((name, i) => name === arm && comparison.source[i] === source);
  return (name: keyof typeof study_ports.study_comparison.columns) =>
    comparison[name][at] as number;
}

Deno.test("arms carry the tokens of all their phases", async () => {
  const { arms } = await compared();
  assert.deepEqual([...arms.tokens], [100, 100]);
  assert.deepEqual([...arms.specialised_tokens], [0, 8]);
});

Deno.test("each run has a row for each held-out source, before and after", async () => {
  const { runs } = await compared();
  assert.equal(runs.arm.length, 2 * 3 * 2);
  assert.deepEqual(runs.source.slice(0, 2), ["pycode", "general"]);
  assert.deepEqual([runs.loss_before[0], runs.loss_after[0]], [4, 2]);
  assert.deepEqual([runs.bits_per_byte_before[0], runs.bits_per_byte_after[0]], [null, null]);
  assert.deepEqual([runs.bits_per_byte_before[1], runs.bits_per_byte_after[1]], [1, 1.25]);
  assert.equal(runs.learning_rate[0], 1e-3);
});

Deno.test("differences are paired by seed", async () => {
  const all = await compared();
  const code = cellOf(all, "code", "pycode"), control = cellOf(all, "control", "pycode");
  // Differences -0.1, -0.3, -0.1: mean -1/6, deviation 0.11547, t(2) at 97.5% is 4.302653.
  const half = 4.302653 * 0.1154701 / Math.sqrt(3);
  assert.ok(Math.abs(code("difference") + 1 / 6) < 1e-12);
  assert.ok(Math.abs(code("ci_low") - (-1 / 6 - half)) < 1e-5);
  assert.ok(Math.abs(code("ci_high") - (-1 / 6 + half)) < 1e-5);
  assert.ok(Math.abs(code("relative_improvement") - 1 / 6 / 2.1) < 1e-12);
  assert.ok(Math.abs(control("sd_after") - 0.1) < 1e-12);
  assert.deepEqual([code("trunks"), code("seeds"), code("df"), code("source_tokens")], [
    1,
    3,
    2,
    10,
  ]);
  assert.equal(code("replication"), "seeds");
  // A t test with 2 degrees of freedom and a power of 80%: 5.655 standard errors (statsmodels).
  assert.ok(Math.abs(code("detectable") - 5.655 * 0.1154701 / Math.sqrt(3)) < 1e-3);
  assert.deepEqual([code("sd_trunks"), code("se_documents"), control("difference")], [
    null,
    null,
    null,
  ]);
  assert.ok(Math.abs(code("sd_seeds") - code("sd_after")) < 1e-12);
  assert.equal(cellOf(all, "code", "general")("difference"), 0);
  assert.ok(all.logs.some((line) => line.startsWith("no document losses are wired")));
  assert.ok(all.logs.some((line) => line.startsWith("one trunk: intervals are over fine-tuning")));
});

/** Losses on pycode by arm, trunk and seed. Trunks move all seeds alike. */
const NESTED: Record<string, number[][]> = {
  control: [[2, 2.02, 2.01], [2.2, 2.22, 2.21], [2.1, 2.12, 2.11]],
  code: [[1.9, 1.93, 1.9], [2.15, 2.16, 2.14], [1.9, 1.92, 1.91]],
};

/** Config and metrics of those runs, without the ones that `keep` refuses. */
function nested(keep = (_arm: string, _trunk: number, _seed: number) => true, all = NESTED) {
  const given = Object.entries(all).flatMap(([arm, trunks]) =>
    trunks.flatMap((losses, trunk) =>
      losses.map((after, seed) => {
        const label = `${arm}.${seed}_t${trunk + 1}`;
        return { run: { label, arm, target: "pycode", seed, trunk }, after };
      })
    )
  ).filter(({ run }) => keep(run.arm, run.trunk, run.seed));
  const by_label = <T>(make: (after: number) => T) =>
    Object.fromEntries(given.map(({ run, after }) => [run.label, make(after)]));
  return compared({ runs: given.map(({ run }) => run) }, {
    validation: by_label((after) => validation(after)),
    training: by_label(() => training),
  });
}

Deno.test("with several trunks the interval is over them", async () => {
  const all = await nested();
  const code = cellOf(all, "code", "pycode");
  assert.deepEqual([code("trunks"), code("seeds"), code("df")], [3, 3, 2]);
  assert.equal(code("replication"), "trunks");
  // Differences of the trunks' means: -0.1, -0.06, -0.2.
  const expected = pairedDifference([-0.1, -0.06, -0.2], [0, 0, 0]);
  for (const key of ["difference", "ci_low", "ci_high", "p"] as const) {
    assert.ok(Math.abs(code(key) - expected[key]!) < 1e-12, key);
  }
  const { sd_trunks, sd_seeds } = varianceComponents(NESTED.code);
  assert.deepEqual([code("sd_trunks"), code("sd_seeds")], [sd_trunks, sd_seeds]);
  assert.ok(code("sd_trunks") > 5 * code("sd_seeds"));
  assert.deepEqual([...new Set(all.runs.trunk)], [0, 1, 2]);
  assert.ok(!all.logs.some((line) => line.startsWith("one trunk")));
});

Deno.test("trunks with different seeds are compared on those that both arms have", async () => {
  const all = await nested((arm, trunk, seed) =>
    arm === "control" ? trunk < 2 : trunk > 0 || seed < 2
  );
  const code = cellOf(all, "code", "pycode");
  // Trunk 0 without its third seed, trunk 1, and no reference of trunk 2.
  const expected = pairedDifference([-0.095, -0.06], [0, 0]);
  assert.ok(Math.abs(code("difference") - expected.difference) < 1e-12);
  assert.ok(Math.abs(code("p") - expected.p!) < 1e-12);
  assert.deepEqual([code("trunks"), code("df")], [3, 1]);
  assert.ok(
    all.logs.some((line) => /left out of differences.*: 6 losses of 28/.test(line)),
    all.logs.join(),
  );
});

Deno.test("one seed of several trunks does not tell trunks from seeds, but has an interval", async () => {
  const code = cellOf(await nested((_arm, _trunk, seed) => seed === 0), "code", "pycode");
  assert.deepEqual([code("sd_trunks"), code("sd_seeds"), code("seeds")], [null, null, 1]);
  assert.deepEqual([code("replication"), code("df")], ["trunks", 2]);
});

Deno.test("a variance between trunks below 0 is shown as 0, and said", async () => {
  const losses = { control: [[2, 2.1], [2.1, 2]], code: [[1, 2], [1.6, 1.5]] };
  const all = await nested(() => true, losses);
  assert.equal(cellOf(all, "code", "pycode")("sd_trunks"), 0);
  assert.equal(cellOf(all, "control", "general")("sd_trunks"), 0);
  const said = "the variance between trunks was estimated below 0, so sd_trunks is 0: 2 rows of 4";
  assert.ok(all.logs.includes(said), all.logs.join());
});

Deno.test("intervals with documents add their variation", async () => {
  const all = await compared({}, { documents: DOCUMENTS });
  const code = cellOf(all, "code", "pycode");
  // Summed over each document's tokens, the mean difference of the arms is -1/6 of the tokens ± 0.3.
  const { error, df } = ratioError([2, 3, 5].map((tokens, d) => -tokens / 6 + [0.3, -0.3, 0][d]), [
    2,
    3,
    5,
  ])!;
  assert.ok(Math.abs(code("se_documents") - error) < 1e-12);
  const training = { error: 0.2 / 3, df: 2 };
  const both = combinedInterval(-1 / 6, [training, { error, df }]);
  for (const bound of ["low", "high"] as const) {
    assert.ok(Math.abs(code(`ci_documents_${bound}`) - both[`ci_${bound}`]) < 1e-9, bound);
  }
  assert.ok(both.ci_high >= code("ci_high") - 1e-9);
  assert.ok(cellOf(all, "code", "general")("se_documents") < 1e-15);
});

Deno.test("where a loss is a mean over documents, so is its error", async () => {
  const means = (after: number, shift: number) => {
    const table = documents(after, 0);
    // On pycode after fine-tuning, rows 6 to 8: means of documents shifted by ±shift.
    const loss_sum = table.loss_sum.map((loss, row) => {
      return loss + table.tokens[row] * (row === 6 ? shift : row === 7 ? -shift : 0);
    });
    return { ...table, loss_sum };
  };
  const given = labels.map(({ label, after }, i) => [label, means(after, 0.1 * i)] as const);
  const code = cellOf(
    await compared({}, { documents: Object.fromEntries(given) }),
    "code",
    "pycode",
  );
  const { error } = ratioError([0.3, -0.3, 0], [1, 1, 1])!;
  assert.ok(Math.abs(code("se_documents") - error) < 1e-12, `${code("se_documents")}`);
});

Deno.test("one seed gives a difference without an interval", async () => {
  const runs = CONFIG.runs.filter(({ seed }) => seed === 2);
  const { comparison } = await compared({ runs });
  const at = comparison.arm.indexOf("code");
  assert.ok(Math.abs(comparison.difference[at]! + 0.3) < 1e-12);
  assert.deepEqual([comparison.ci_low[at], comparison.sd_after[at]], [null, null]);
  assert.deepEqual([comparison.replication[at], comparison.detectable[at]], ["none", null]);
});

Deno.test("invalid configs and inputs are refused", async () => {
  const runs = [...CONFIG.runs, { label: "x", arm: "code", target: "pycode", seed: 9 }];
  await assert.rejects(compared({ runs }), /run "x" has no training metrics: wire them/);
  await assert.rejects(compared({ runs: [{ ...runs[0], arm: "cod" }] }), /unknown arm "cod"/);
  await assert.rejects(compared({ runs: [runs[0], runs[0]] }), /duplicate run/);
  await assert.rejects(
    compared({ runs: [runs[0], runs[4]] }),
    /"code" and its reference have no run of one trunk and seed in common on "pycode"/,
  );
  const { "code.2": _, ...some } = DOCUMENTS;
  await assert.rejects(
    compared({}, { documents: some }),
    /run "code.2" has no document losses: wire them under its label/,
  );
  const twice = DOCUMENTS["code.2"].loss_sum.map((loss) => 2 * loss);
  await assert.rejects(
    compared({}, {
      documents: { ...DOCUMENTS, "code.2": { ...DOCUMENTS["code.2"], loss_sum: twice } },
    }),
    /the document losses of run "code.2" on "pycode" do not give its loss, 1.8; wire those of the same/,
  );
  // Other documents of the same loss.
  const tokens = Int32Array.of(5, 3, 2, 5, 3, 2, 5, 3, 2, 5, 3, 2);
  const other = {
    ...DOCUMENTS["code.2"],
    tokens,
    loss_sum: Float64Array.from(tokens, (n, row) => n * (Math.floor(row / 3) % 2 ? 3.5 : 1.8)),
  };
  await assert.rejects(
    compared({}, { documents: { ...DOCUMENTS, "code.2": other } }),
    /runs "code.1" and "code.2" were measured on different documents of "pycode"; give them/,
  );
  const fewer = { ...validation(2), tokens: Float64Array.of(10, 10, 9, 10) };
  await assert.rejects(
    compared({}, { validation: { ...INPUTS.validation, "code.2": fewer } }),
    /run "code.2" was measured on 9 tokens of "pycode", run "control.2" on 10; give them/,
  );
  await assert.rejects(
    compared({}, { mixtures: { trunk: ledger({ general: 60 }) } }),
    /phase "rest" of arm "control" has no mixture wired/,
  );
  const late = Object.fromEntries(CONFIG.runs.map(({ label }) => [label, validation(2, 3)]));
  await assert.rejects(
    compared({}, { validation: late }),
    /first validation of run "control.1" on "pycode" is at step 3/,
  );
});

import assert from "node:assert/strict";
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

conformance(study, [{ name: "two arms and three seeds", config: CONFIG, inputs: INPUTS }]);

async function compared(config = {}, changes = {}) {
  const fake = await fakeContext(study, {
    config: { ...CONFIG, ...config },
    inputs: {
      ...INPUTS,
      ...changes,
    },
  });
  await study.run(fake.ctx);
  return fake.collected();
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
  const { comparison } = await compared();
  type Name = keyof typeof study_ports.study_comparison.columns;
  const row = (arm: string, source: string) => {
    const at = comparison.arm.findIndex((name, i) =>
      name === arm && comparison.source[i] === source
    );
    return (name: Name) => comparison[name][at] as number;
  };
  const code = row("code", "pycode"), control = row("control", "pycode");
  // Differences -0.1, -0.3, -0.1: mean -1/6, deviation 0.11547, t(2) at 97.5% is 4.302653.
  const half = 4.302653 * 0.1154701 / Math.sqrt(3);
  assert.ok(Math.abs(code("difference") + 1 / 6) < 1e-12);
  assert.ok(Math.abs(code("ci_low") - (-1 / 6 - half)) < 1e-5);
  assert.ok(Math.abs(code("ci_high") - (-1 / 6 + half)) < 1e-5);
  assert.ok(Math.abs(code("relative_improvement") - 1 / 6 / 2.1) < 1e-12);
  assert.ok(Math.abs(control("sd_after") - 0.1) < 1e-12);
  assert.equal(code("seeds"), 3);
  assert.equal(control("difference"), null);
  assert.equal(row("code", "general")("difference"), 0);
});

Deno.test("one seed gives a difference without an interval", async () => {
  const runs = CONFIG.runs.filter(({ seed }) => seed === 2);
  const { comparison } = await compared({ runs });
  const at = comparison.arm.indexOf("code");
  assert.ok(Math.abs(comparison.difference[at]! + 0.3) < 1e-12);
  assert.deepEqual([comparison.ci_low[at], comparison.sd_after[at]], [null, null]);
});

Deno.test("invalid configs and inputs are refused", async () => {
  const runs = [...CONFIG.runs, { label: "x", arm: "code", target: "pycode", seed: 9 }];
  await assert.rejects(compared({ runs }), /run "x" has no training metrics: wire them/);
  await assert.rejects(compared({ runs: [{ ...runs[0], arm: "cod" }] }), /unknown arm "cod"/);
  await assert.rejects(compared({ runs: [runs[0], runs[0]] }), /duplicate run/);
  await assert.rejects(
    compared({ runs: [runs[0], runs[4]] }),
    /"code" and its reference have no seed in common on "pycode"/,
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

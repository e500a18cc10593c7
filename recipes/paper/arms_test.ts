import assert from "node:assert/strict";
import { armsOf, phasesOf } from "./arms.ts";
import type { StudySettings } from "./settings.ts";

const settings = {
  general: "c4",
  midtraining: [
    { name: "code", label: "code", specialised: "code", weight: 0.2, start: 0.1 },
    { name: "math", label: "math", specialised: "math", weight: 0.12, start: 0.5 },
  ],
  targets: [{ name: "pycode", label: "Pycode" }, { name: "gsm8k", label: "GSM8K" }],
  matched: { code: "pycode", math: "gsm8k" },
  continued: { specialised: ["code"], starts: [0.5] },
  grid: {
    specialised: "code",
    weight: 0.2,
    starts: [0.1, 0.5],
    weights: [0.2, 0.4],
    weight_starts: [0.5],
  },
  along_run: { arm: "code", at: [0.05, 0.5] },
} as unknown as StudySettings;

Deno.test("settings expand into distinct arms", () => {
  const arms = armsOf(settings);
  assert.deepEqual(
    arms.map(({ name, kind, reference }) => [name, kind, reference]),
    [
      ["control", "control", "control"],
      ["code", "midtrain", "control"],
      ["math", "midtrain", "control"],
      // 20% from 10% is the arm "code".
      ["code_20_from_50", "ablation", "control"],
      ["code_40_from_50", "ablation", "control"],
      ["code_only_from_50", "continued", "control"],
      ["control_at_5", "along_run", "control_at_5"],
      // At 5% the arm has not started.
      ["control_at_50", "along_run", "control_at_50"],
      ["code_at_50", "along_run", "control_at_50"],
    ],
  );
  const targets = new Map(arms.map(({ name, targets }) => [name, targets]));
  assert.deepEqual(targets.get("math"), ["pycode", "gsm8k"]);
  assert.deepEqual(targets.get("code_40_from_50"), ["pycode"]);
  assert.deepEqual(targets.get("control_at_50"), ["pycode"]);
});

Deno.test("phases that arms share are trained once", () => {
  const arms = armsOf(settings);
  const { phases, paths } = phasesOf(arms, 100);
  const names = phases.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(paths.get("control"), [
    "trunk_to_5",
    "trunk_to_10",
    "trunk_to_50",
    "trunk_to_100",
  ]);
  assert.deepEqual(paths.get("control_at_50"), ["trunk_to_5", "trunk_to_10", "trunk_to_50"]);
  assert.deepEqual(paths.get("code"), ["trunk_to_5", "trunk_to_10", "code_to_50", "code"]);
  assert.deepEqual(paths.get("code_at_50"), ["trunk_to_5", "trunk_to_10", "code_to_50"]);
  assert.deepEqual(paths.get("math"), ["trunk_to_5", "trunk_to_10", "trunk_to_50", "math"]);
  const code = phases.find(({ name }) => name === "code")!;
  assert.deepEqual(code, {
    name: "code",
    parent: "code_to_50",
    specialised: "code",
    weight: 0.2,
    from_step: 50,
    to_step: 100,
  });
});

Deno.test("every path covers the whole horizon without gap or overlap", () => {
  const arms = armsOf(settings);
  const { phases, paths } = phasesOf(arms, 7); // shares fall between steps
  const byName = new Map(phases.map((phase) => [phase.name, phase]));
  for (const arm of arms) {
    let step = 0;
    for (const name of paths.get(arm.name)!) {
      const { from_step, to_step } = byName.get(name)!;
      assert.equal(from_step, step);
      assert.ok(to_step > from_step);
      step = to_step;
    }
    assert.equal(step, Math.round(arm.end * 7), arm.name);
  }
});

Deno.test("an unknown arm in along_run gives an error", () => {
  const wrong = { ...settings, along_run: { arm: "cod", at: [0.5] } };
  assert.throws(() => armsOf(wrong), /unknown arm "cod" in along_run/);
});

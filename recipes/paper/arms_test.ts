import assert from "node:assert/strict";
import { MixtureSchedule } from "@causeway/core/batches";
import { armsOf } from "./arms.ts";
import { mixtureOf } from "./mixtures.ts";
import { phasesOf } from "./phases.ts";
import type { StudySettings } from "./settings.ts";

const settings = {
  general: "c4",
  horizon_steps: 100,
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

/** One schedule over the whole run. */
const COSINE = { horizon_steps: 100, decay_steps: 0, warmup_steps: 10 };

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
  const { phases, paths } = phasesOf(arms, COSINE);
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

/** Checks that the phases of each arm follow each other from the first step to the arm's end. */
function checkPaths(arms: ReturnType<typeof armsOf>, shape: typeof COSINE) {
  const { phases, paths } = phasesOf(arms, shape);
  const names = phases.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const byName = new Map(phases.map((phase) => [phase.name, phase]));
  for (const arm of arms) {
    let step = 0, parent: string | undefined;
    for (const name of paths.get(arm.name)!) {
      const phase = byName.get(name)!;
      assert.equal(phase.parent, parent);
      assert.equal(phase.from_step, step);
      assert.ok(phase.to_step > phase.from_step);
      [step, parent] = [phase.to_step, name];
    }
    assert.equal(step, Math.round(arm.end * shape.horizon_steps), arm.name);
  }
  return { byName, paths };
}

Deno.test("every path covers the whole horizon without gap or overlap", () => {
  const arms = armsOf(settings);
  checkPaths(arms, { ...COSINE, horizon_steps: 7 }); // shares fall between steps
  const late = { ...settings, along_run: { arm: "code", at: [0.5] } };
  for (const decay_steps of [1, 20, 35]) checkPaths(armsOf(late), { ...COSINE, decay_steps });
});

Deno.test("off a trunk at a constant rate every arm ends in one decay of its own", () => {
  const late = { ...settings, along_run: { arm: "code", at: [0.5] } };
  const arms = [...armsOf(late), {
    ...armsOf(late)[1],
    name: "late",
    start: 0.9,
  }];
  const { byName, paths } = checkPaths(arms, { ...COSINE, decay_steps: 20 });
  assert.deepEqual(paths.get("control"), [
    "trunk_to_10",
    "trunk_to_30",
    "trunk_to_50",
    "trunk_to_80",
    "control_to_90",
    "control",
  ]);
  assert.deepEqual(paths.get("control_at_50"), ["trunk_to_10", "trunk_to_30", "control_at_50"]);
  assert.deepEqual(paths.get("code"), ["trunk_to_10", "code_to_30", "code_to_80", "code"]);
  assert.deepEqual(paths.get("code_at_50"), ["trunk_to_10", "code_to_30", "code_at_50"]);
  // It starts when the decay has begun, which it shares with the control until then.
  assert.deepEqual(paths.get("late")!.slice(-2), ["control_to_90", "late"]);
  for (const arm of arms) {
    const decays = paths.get(arm.name)!.filter((name) => byName.get(name)!.decay_steps);
    assert.equal(decays.length, 1, arm.name);
    const { from_step, decay_steps } = byName.get(decays[0])!;
    assert.deepEqual([from_step, decay_steps], [Math.round(100 * arm.end) - 20, 20]);
  }
  assert.throws(
    () => phasesOf(armsOf(settings), { ...COSINE, decay_steps: 20 }),
    /arm "control_at_5" ends at step 5, which has no room for 10 steps of warm-up and 20 of decay/,
  );
});

/** The specialised sequences that an arm draws in a run of 100 steps of 64 sequences, as training counts them. */
function drawn(arm: ReturnType<typeof armsOf>[number], of: StudySettings): number {
  const weightsOf = (specialised: string, weight: number) => mixtureOf(of, specialised, weight);
  const from = Math.round(100 * arm.start) * 64;
  const schedule = new MixtureSchedule([
    ...(from > 0 ? [{ from: 0, weights: weightsOf("", 0) }] : []),
    { from, weights: weightsOf(arm.specialised, arm.weight) },
  ]);
  const counts = schedule.drawn(100 * 64);
  return Object.keys(counts).filter((name) => name !== of.general)
    .reduce((sum, name) => sum + counts[name], 0);
}

Deno.test("with equal tokens every start, continued pretraining and a whole mixed run draw the same", () => {
  const grid = {
    specialised: "code",
    weight: 0.2,
    starts: [0.1, 0.37, 0.8],
    weights: [0.1, 0.3],
    weight_starts: [0.33, 0.66],
    match: "tokens" as const,
  };
  const continued = { specialised: ["code", "math"], match: "tokens" as const };
  const matched = { ...settings, grid, continued, along_run: undefined };
  const arms = armsOf(matched);
  assert.deepEqual(arms.slice(3).map(({ name, kind }) => [name, kind]), [
    ["code_28_6_from_37", "ablation"],
    ["code_90_from_80", "ablation"],
    ["code_10_from_33", "ablation"],
    ["code_19_7_from_66", "ablation"],
    ["code_30_from_33", "ablation"],
    ["code_59_1_from_66", "ablation"],
    ["code_18_from_scratch", "from_scratch"],
    ["code_only_matched", "continued"],
    ["math_only_matched", "continued"],
    ["math_6_from_scratch", "from_scratch"],
  ]);
  const near = (name: string, sequences: number, step = 1) => {
    const found = drawn(arms.find((arm) => arm.name === name)!, matched);
    assert.ok(Math.abs(found - sequences) <= step, `${name}: ${found}, not ${sequences}`);
  };
  const code = 0.2 * 90 * 64, math = 0.12 * 50 * 64;
  for (const name of ["code", "code_28_6_from_37", "code_90_from_80", "code_18_from_scratch"]) {
    near(name, code);
  }
  near("code_10_from_33", 0.1 * 67 * 64);
  near("code_19_7_from_66", 0.1 * 67 * 64);
  near("code_59_1_from_66", 0.3 * 67 * 64);
  near("code_only_matched", code, 64 / 2);
  near("math_only_matched", math, 64 / 2);
  near("math_6_from_scratch", math);
  // Both designs at once, without a mixture twice.
  const both = armsOf({ ...matched, grid: { ...grid, match: "both" } });
  assert.equal(new Set(both.map(({ name }) => name)).size, both.length);
  assert.equal(both.length, arms.length + 4);
});

Deno.test("equal tokens that would need more than all of the data are refused", () => {
  const grid = { ...settings.grid!, starts: [0.1, 0.9], match: "tokens" as const };
  assert.throws(
    () => armsOf({ ...settings, grid }),
    /tokens of 20% from 10%, the start at 90% would need a weight of 180%; leave this start out/,
  );
  const continued = { specialised: ["flan"], match: "tokens" as const };
  assert.throws(() => armsOf({ ...settings, continued }), /add one with "flan" to midtraining/);
});

Deno.test("a group is a mixture of its sources", () => {
  const named = { general: "c4", groups: { qa: { q4: 15, q1: 3, q2: 1.5, q3: 0.5 } } };
  assert.deepEqual(mixtureOf(named, "qa", 0.2), {
    c4: 0.8,
    q4: 0.15,
    q1: 0.03,
    q2: 0.015,
    q3: 0.005,
  });
  assert.deepEqual(mixtureOf(named, "qa", 1), { q4: 0.75, q1: 0.15, q2: 0.075, q3: 0.025 });
  assert.deepEqual(mixtureOf(named, "code", 0.2), { c4: 0.8, code: 0.2 });
  assert.deepEqual(mixtureOf(named, "", 0), { c4: 1 });
});

Deno.test("an unknown arm in along_run gives an error", () => {
  const wrong = { ...settings, along_run: { arm: "cod", at: [0.5] } };
  assert.throws(() => armsOf(wrong), /unknown arm "cod" in along_run/);
});

import assert from "node:assert/strict";
import type { StepForecast } from "../../runner/mod.ts";
import { renderPlan } from "./render_plan.ts";
import { planTimes } from "./times.ts";

const step = (id: string, more: Partial<StepForecast>): StepForecast => ({
  id,
  stage: "charts",
  action: "run",
  reasons: ["no earlier result"],
  ...more,
});

const never = () => Promise.reject(new Error("nothing to measure"));

Deno.test("a step of a stage without a forecast takes as long as its others did", async () => {
  const times = await planTimes([
    step("a", { past_seconds: 2, action: "skip" }),
    step("b", { past_seconds: 4, action: "skip" }),
    step("c", {}),
    step("d", { stage: "tables" }),
  ], never);
  assert.deepEqual(times.get("c"), {
    seconds: 3,
    basis: "as other steps of stage charts in their last runs",
  });
  assert.deepEqual(times.get("d"), { basis: "unknown" });
});

Deno.test("however many times are unknown, one line says so; tokens of sweeps are summed", async () => {
  const steps = Array.from({ length: 300 }, (_, i) => {
    return step(
      `step_${i}`,
      i < 88 ? { past_seconds: 60 } : { stage: `s${i}`, forecast: { tokens: 5 } },
    );
  });
  const text = renderPlan(steps, await planTimes(steps, never), { color: false, width: 20 });
  const total = text.slice(text.indexOf("\nTotal"));
  assert.match(total, /^ {2}tokens {3}0 trained on, 1,060 in sweeps, evaluations and analyses$/m);
  assert.match(total, /^ {2}time {5}at least 1:28:00 to run$/m);
  assert.match(
    total,
    /^ {11}unknown for 212 of 300 tasks: nothing like them has run here$/m,
  );
  assert.doesNotMatch(total, /step_/);
});

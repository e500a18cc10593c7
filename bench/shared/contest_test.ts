import assert from "node:assert/strict";
import { checkAgreement, pairRounds, playQuietRounds } from "./contest.ts";

const prepared = (loss: number, grad_norm?: number) => ({
  build_s: 1,
  first_pass_s: 1,
  first: { loss, grad_norm },
});

const fp32 = (mode: string) => ({ mode, variant: "float32" });

Deno.test("equal losses and gradient norms agree", () => {
  checkAgreement(prepared(8, 0.5), prepared(8 * (1 + 1e-5), 0.5 * (1 - 1e-5)), fp32("eager"));
  checkAgreement(prepared(8), prepared(8), fp32("compile"));
});

Deno.test("a difference above the tolerance is an error that names it", () => {
  const check = (mode: string, theirs: ReturnType<typeof prepared>) => () =>
    checkAgreement(prepared(8, 0.5), theirs, fp32(mode));
  assert.throws(
    check("eager", prepared(8 * (1 + 4e-5), 0.5)),
    /loss .* is 8 in Causeway and 8\.00032/,
  );
  assert.throws(check("eager", prepared(8, 0.5 * (1 + 4e-5))), /grad_norm/);
  assert.throws(check("eager", prepared(8)), /grad_norm .* is 0\.5 in Causeway and undefined in/);
  assert.throws(check("eager", prepared(NaN, 0.5)), /loss/);
});

Deno.test("bfloat16 may differ by its precision, but the float32 pass may not", () => {
  const theirs = { ...prepared(8.05, 0.503), exact: { loss: 8, grad_norm: 0.5 } };
  checkAgreement(prepared(8, 0.5), theirs, fp32("compile_bf16"));
  assert.throws(() => checkAgreement(prepared(8, 0.5), theirs, fp32("compile")), /in mode compile/);
  const wrong = { ...theirs, exact: { loss: 8.01, grad_norm: 0.5 } };
  assert.throws(
    () => checkAgreement(prepared(8, 0.5), wrong, fp32("compile_bf16")),
    /exceeds 0\.00002/,
  );
});

function playing(...others: number[]) {
  return () =>
    Promise.resolve({
      ours_s: 1,
      theirs_s: 1,
      idle_ours: 0,
      idle_theirs: 0,
      others: others.shift()!,
    });
}

Deno.test("disturbed rounds are repeated", async () => {
  const { rounds, repeated } = await playQuietRounds(2, playing(1, 0, 0.1));
  assert.deepEqual([rounds.map(({ others }) => others), repeated], [[0, 0.1], 1]);
});

Deno.test("if the machine is never quiet, all rounds count", async () => {
  const { rounds, repeated } = await playQuietRounds(2, playing(1, 0, 1));
  assert.deepEqual([rounds.map(({ others }) => others), repeated], [[0, 1, 1], 0]);
});

Deno.test("rounds of sides that played alone are paired in order", () => {
  const round = (seconds: number, others: number, ceiling: number) => ({
    seconds,
    others,
    ceiling,
    idle_ours: 0,
    idle_theirs: 0,
  });
  const ours = [round(1, 0, 100), round(2, 0.3, 100), round(3, 0, 100)];
  const rounds = pairRounds(ours, [round(4, 0.1, 200), round(5, 0, 200)]);
  const idle = { idle_ours: 0, idle_theirs: 0 };
  assert.deepEqual(rounds, [
    { ours_s: 1, theirs_s: 4, others: 0.1, ceiling: 150, ...idle },
    { ours_s: 2, theirs_s: 5, others: 0.3, ceiling: 150, ...idle },
  ]);
});

Deno.test("if Causeway computes in bfloat16, its tolerance applies", () => {
  const against = { mode: "compile", variant: "bfloat16" };
  checkAgreement(prepared(8, 0.5), prepared(8.01, 0.503), against);
  assert.throws(() => checkAgreement(prepared(8, 0.5), prepared(9, 0.5), against), /exceeds 0\.02/);
});

import assert from "node:assert/strict";
import { exactMatch } from "./gsm8k.ts";
import { type Answer, caution, passAtK, passMetric, proportion, wilsonInterval } from "./task.ts";

const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a}, not ${b}`);

function answers(verdicts: readonly (readonly number[])[]): Answer[] {
  return verdicts.flatMap((samples, question) =>
    samples.map((pass, sample) => ({
      ...{ question, sample, prompt: "", output: "", reference: "" },
      scores: { pass: pass === 1 },
    }))
  );
}

Deno.test("Wilson's interval equals SciPy's", () => {
  // binomtest(successes, n).proportion_ci(method="wilson") of scipy 1.17.1
  const expected: [number, number, number, number][] = [
    [0, 10, 0, 0.27753279986288926],
    [3, 10, 0.10779126740630105, 0.6032218525388546],
    [50, 100, 0.4038315303659956, 0.5961684696340044],
    [10, 10, 0.7224672001371107, 1],
  ];
  for (const [successes, n, low, high] of expected) {
    const { ci_low, ci_high } = wilsonInterval(successes, n);
    close(ci_low, low);
    close(ci_high, high);
  }
});

Deno.test("pass@k is the share of k-subsets with a correct sample", () => {
  for (let n = 1; n <= 6; n++) {
    for (let c = 0; c <= n; c++) {
      for (let k = 1; k <= n; k++) {
        let hits = 0, subsets = 0;
        for (let set = 0; set < 2 ** n; set++) {
          const members = [...Array(n).keys()].filter((i) => set >> i & 1);
          if (members.length !== k) continue;
          subsets++;
          if (members.some((i) => i < c)) hits++;
        }
        close(passAtK(n, c, k), hits / subsets);
      }
    }
  }
});

Deno.test("pass@k is a mean over questions, with an interval over questions", () => {
  const half = Array.from({ length: 40 }, (_, i) => [i % 2, 0]);
  const options = { seed: 1, resamples: 2000 };
  const metric = passMetric(answers(half), 1, options);
  assert.deepEqual([metric.metric, metric.value, metric.n], ["pass@1", 0.25, 40]);
  // The mean of 40 values with a standard deviation of 1/4: ±1.96 · 0.25 / √40.
  assert.ok(Math.abs(metric.ci_low - (0.25 - 0.0775)) < 0.01, `${metric.ci_low}`);
  assert.ok(Math.abs(metric.ci_high - (0.25 + 0.0775)) < 0.01, `${metric.ci_high}`);
  assert.deepEqual(passMetric(answers(half), 1, options), metric);
  assert.equal(passMetric(answers(half), 2, options).value, 0.5);
  // No question was solved, but the upper bound is above 0.
  const none = passMetric(answers([[0], [0], [0]]), 1, options);
  assert.ok(none.ci_low === 0 && none.ci_high > 0.3);
});

Deno.test("GSM8K answers are compared as in lm-evaluation-harness", () => {
  const reference = "She has 1,000 + 234 = <<1000+234=1234>>1,234.\n#### 1,234";
  const cases: [output: string, strict: boolean, flexible: boolean][] = [
    ["So it is 1,234.\n#### 1234", true, true],
    ["#### 1,234.", true, true],
    ["#### 1234\n#### 5", true, false], // the first after ####, the last of all
    ["It is $1,234.", false, true],
    ["It is 1234 dollars", false, true],
    ["####1234", false, true], // the space belongs to it
    ["#### 123", false, false],
    ["#### -1234", false, false],
    ["It is 1234.0", false, false],
    ["", false, false],
    ["no number", false, false],
  ];
  for (const [output, exact_match_strict, exact_match_flexible] of cases) {
    assert.deepEqual(exactMatch(output, reference), { exact_match_strict, exact_match_flexible });
  }
});

Deno.test("values at chance or zero give a warning", () => {
  const of = (right: number, n: number) =>
    proportion(answers(Array.from({ length: n }, (_, i) => [Number(i < right)])), "pass", 0.25);
  assert.match(caution("a", "sciq", of(0, 10))!, /no correct answer to 10 questions/);
  assert.match(caution("a", "sciq", of(30, 100))!, /a: sciq pass is 0\.300 .* not above chance/);
  assert.equal(caution("a", "sciq", of(60, 100)), undefined);
  assert.equal(caution("a", "gsm8k", { ...of(1, 100), chance: 0 }), undefined);
});

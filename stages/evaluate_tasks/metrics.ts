/**
 * Metrics of answers, with intervals.
 *
 * @module
 */
import { bootstrapInterval, type Interval, mean } from "../../core/analysis/mod.ts";
import type { Answer, Metric } from "./task.ts";

/** The 97.5% quantile of the standard normal distribution. */
const Z = 1.959963984540054;

/**
 * Wilson's 95% interval of a proportion p = successes / n (Wilson, 1927), which holds for few trials and near 0 and 1:
 *
 *     (p + z²/2n ± z √(p (1 - p)/n + z²/4n²)) / (1 + z²/n)
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { wilsonInterval } from "./metrics.ts";
 *
 * const { ci_low, ci_high } = wilsonInterval(0, 100);
 * assert.equal(ci_low, 0);
 * assert.ok(Math.abs(ci_high - 0.03699) < 1e-5);
 * ```
 */
export function wilsonInterval(successes: number, n: number): Interval {
  if (n === 0) return { ci_low: NaN, ci_high: NaN };
  const p = successes / n, z2 = Z * Z;
  const centre = p + z2 / (2 * n);
  const half = Z * Math.sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {
    ci_low: successes === 0 ? 0 : (centre - half) / (1 + z2 / n),
    ci_high: successes === n ? 1 : (centre + half) / (1 + z2 / n),
  };
}

/** The share of answers that are right by a score. */
export function proportion(answers: readonly Answer[], metric: string, chance: number): Metric {
  const n = answers.length;
  const right = answers.filter(({ scores }) => scores[metric]).length;
  return { metric, value: right / n, n, ...wilsonInterval(right, n), chance };
}

/**
 * The chance that at least one of k samples is right, without bias from n samples of which c are (Chen et al., 2021,
 * "Evaluating Large Language Models Trained on Code"), as a product that does not overflow:
 *
 *     1 - C(n - c, k) / C(n, k) = 1 - Π_{i = n - c + 1}^{n} (1 - k / i)
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { passAtK } from "./metrics.ts";
 *
 * assert.equal(passAtK(4, 1, 1), 0.25);
 * assert.equal(passAtK(4, 2, 3), 1); // of three of four, one is right
 * ```
 */
export function passAtK(n: number, c: number, k: number): number {
  if (n - c < k) return 1;
  let none = 1;
  for (let i = n - c + 1; i <= n; i++) none *= 1 - k / i;
  return 1 - none;
}

/**
 * pass@k, the mean over questions, with a bootstrap interval over questions. Where every question has the same value, 0
 * or 1, resampling knows no other, and the interval is Wilson's of the questions.
 */
export function passMetric(
  answers: readonly Answer[],
  k: number,
  { seed, resamples }: { seed: number; resamples: number },
): Metric {
  const by_question = Map.groupBy(answers, ({ question }) => question);
  const values = [...by_question.values()].map((samples) => {
    const right = samples.filter(({ scores }) => scores.pass).length;
    return passAtK(samples.length, right, k);
  });
  const n = values.length, value = mean(values);
  const sure = values.every((one) => one === values[0]) && (value === 0 || value === 1);
  const interval = sure ? wilsonInterval(value * n, n) : bootstrapInterval(
    n,
    (counts) => counts.reduce((sum, count, i) => sum + count * values[i], 0) / n,
    { seed, resamples, phase: `pass@${k}` },
  );
  return { metric: `pass@${k}`, value, n, ...interval, chance: 0 };
}

/** A line on a metric that says little, or undefined for one that is above chance. */
export function caution(
  model: string,
  task: string,
  { metric, value, n, ci_low, ci_high, chance }: Metric,
): string | undefined {
  const what = `${model}: ${task} ${metric} is ${value.toFixed(3)}`;
  if (value === 0) {
    return `${what}, no question of ${n} was answered rightly: the task is beyond this model and cannot tell it from others`;
  }
  if (chance === 0 || ci_low > chance) return undefined;
  const interval = `[${ci_low.toFixed(3)}, ${ci_high.toFixed(3)}]`;
  return `${what} ${interval} of ${n} questions, which is not above chance (${chance})`;
}

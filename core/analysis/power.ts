/**
 * The power of t tests, from the noncentral t distribution.
 *
 * @module
 */
import { logGamma, normalProbability, studentQuantile } from "./distributions.ts";

/**
 * P(T <= t) of the noncentral t distribution, as SciPy's `nct.cdf`. T = (Z + δ) / S with S² = χ²(ν) / ν, so
 *
 *     P(T <= t) = ∫ Φ(t s - δ) f(s) ds,  f(s) = 2 (ν/2)^(ν/2) / Γ(ν/2) s^(ν - 1) exp(-ν s² / 2)
 *
 * by the trapezoidal rule in x = ln s, where the integrand falls off on both sides faster than any power of s.
 *
 * @param degrees of freedom ν, at least 1; need not be an integer.
 * @param noncentrality δ.
 */
export function noncentralT(t: number, degrees: number, noncentrality: number): number {
  const half = degrees / 2;
  const constant = Math.LN2 + half * Math.log(half) - logGamma(half);
  // f(s) s is below 1e-10 of its maximum outside, for ν from 1 on.
  const [low, high] = [-25 / Math.sqrt(degrees), 8.5 / Math.sqrt(degrees)];
  // A fraction of the widths of f, 1 / √(2ν), and of Φ, 1 / δ at its steepest: the rule is then exact to rounding.
  const steps = Math.ceil(
    (high - low) * Math.max(30 * Math.sqrt(degrees), 3 * Math.abs(noncentrality)),
  );
  const step = (high - low) / steps;
  let total = 0;
  for (let i = 0; i <= steps; i++) {
    const x = low + i * step, s = Math.exp(x);
    const density = Math.exp(constant + degrees * x - half * s * s);
    total += normalProbability(t * s - noncentrality) * density;
  }
  return total * step;
}

/** Probability that a two-sided t test of level `alpha` rejects, if the true difference is δ standard errors. */
export function studentPower(noncentrality: number, degrees: number, alpha = 0.05): number {
  const critical = studentQuantile(1 - alpha / 2, degrees);
  return 1 - noncentralT(critical, degrees, noncentrality) +
    noncentralT(-critical, degrees, noncentrality);
}

/**
 * The smallest true difference, in standard errors, that a two-sided t test of level `alpha` finds with the probability
 * `power`: the root δ of {@link studentPower}, as `statsmodels`' `TTestPower.solve_power`. A difference is this times its
 * standard error.
 *
 * @throws {RangeError} when there is less than one degree of freedom, or `power` is not between `alpha` and 1.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { detectableEffect } from "./mod.ts";
 *
 * assert.ok(Math.abs(detectableEffect(1e6) - (1.959964 + 0.841621)) < 1e-4); // z(97.5%) + z(80%)
 * assert.ok(detectableEffect(2) > 5); // three trunks: more than 5 standard errors
 * ```
 */
export function detectableEffect(degrees: number, { alpha = 0.05, power = 0.8 } = {}): number {
  if (!(degrees >= 1)) {
    throw new RangeError(`power needs at least one degree of freedom, got ${degrees}`);
  }
  if (!(power > alpha && power < 1)) {
    throw new RangeError(`power must be above alpha (${alpha}) and below 1, got ${power}`);
  }
  const key = `${degrees} ${alpha} ${power}`;
  const effect = EFFECTS.get(key) ?? bisect(degrees, alpha, power);
  EFFECTS.set(key, effect);
  return effect;
}

/** Effects computed so far: each takes some ten thousand probabilities, and a study asks for few of them many times. */
const EFFECTS = new Map<string, number>();

function bisect(degrees: number, alpha: number, power: number): number {
  let low = 0, high = 2 * studentQuantile(1 - alpha / 2, degrees);
  while (studentPower(high, degrees, alpha) < power) high *= 2;
  while (high - low > 1e-12 * high) {
    const middle = (low + high) / 2;
    if (studentPower(middle, degrees, alpha) < power) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * Distribution functions of the normal and Student's t distribution, to about 1e-14.
 *
 * The only module that imports jStat. Its incomplete beta function stops at a relative 3e-7, so that one is here.
 *
 * @module
 */
import jstat from "jstat";

/** The part of jStat, which has no types, that is used here. */
interface Distributions {
  readonly studentt: { inv(p: number, degrees: number): number };
  readonly normal: {
    inv(p: number, mean: number, sd: number): number;
    cdf(x: number, mean: number, sd: number): number;
  };
}

const { studentt, normal }: Distributions = jstat;

/** Φ(x). */
export function normalProbability(x: number): number {
  return normal.cdf(x, 0, 1);
}

/** The quantile of the standard normal distribution at probability `p`. */
export function normalQuantile(p: number): number {
  return normal.inv(p, 0, 1);
}

/**
 * P(|T| >= |t|) of Student's t, from the tail itself: 1 - P(T < t) would lose small probabilities to rounding.
 *
 * @param degrees of freedom ν > 0; need not be an integer.
 */
export function studentTails(t: number, degrees: number): number {
  // P = I_x(ν / 2, 1 / 2),  x = ν / (ν + t²)
  return Number.isFinite(t) ? incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) : 0;
}

/** The quantile of Student's t distribution at probability `p`, 0 < p < 1: jStat's, improved by Newton's method. */
export function studentQuantile(p: number, degrees: number): number {
  if (p === 0.5) return 0;
  const tails = 2 * Math.min(p, 1 - p), sign = p < 0.5 ? -1 : 1;
  // d/dt P(|T| >= t) = -2 f(t),  f(t) = Γ((ν + 1) / 2) / (Γ(ν / 2) √(ν π)) (1 + t² / ν)^(-(ν + 1) / 2)
  const constant = logGamma((degrees + 1) / 2) - logGamma(degrees / 2) -
    Math.log(degrees * Math.PI) / 2;
  let t = Math.abs(studentt.inv(p, degrees));
  for (let i = 0; i < 10; i++) {
    const density = Math.exp(constant - (degrees + 1) / 2 * Math.log1p(t * t / degrees));
    const step = (studentTails(t, degrees) - tails) / (2 * density);
    t += step;
    if (Math.abs(step) <= 1e-15 * t) break;
  }
  return sign * t;
}

/** Lanczos's coefficients for g = 7 and nine terms, by Godfrey (2001). */
const LANCZOS = [
  0.99999999999980993,
  676.5203681218851,
  -1259.1392167224028,
  771.32342877765313,
  -176.61502916214059,
  12.507343278686905,
  -0.13857109526572012,
  9.9843695780195716e-6,
  1.5056327351493116e-7,
];

/** ln Γ(x) for x > 0, to a relative error of about 1e-15 of Γ. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const series = LANCZOS.reduce((sum, coefficient, i) => {
    return i === 0 ? coefficient : sum + coefficient / (x - 1 + i);
  }, 0);
  const base = x + 6.5;
  return Math.log(2 * Math.PI) / 2 + (x - 0.5) * Math.log(base) - base + Math.log(series);
}

/** The regularized incomplete beta function I_x(a, b), by its continued fraction (Press et al., "Numerical Recipes", 6.4). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  // The fraction converges fast on this side of the mean only; I_x(a, b) = 1 - I_(1 - x)(b, a).
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(
    a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b),
  );
  return front * betaFraction(x, a, b) / a;
}

/** Lentz's method; a denominator of 0 is replaced by a tiny number. */
function betaFraction(x: number, a: number, b: number): number {
  const nonzero = (value: number) => Math.abs(value) < 1e-300 ? 1e-300 : value;
  let c = 1, d = 1 / nonzero(1 - (a + b) * x / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 10_000; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const term of [even, odd]) {
      d = 1 / nonzero(1 + term * d);
      c = nonzero(1 + term / c);
      change = c * d;
      fraction *= change;
    }
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return fraction;
}

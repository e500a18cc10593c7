/**
 * The bridge: proximity advantage goes with improvement (v1, finding 2; v2 with lower correlations).
 *
 * @module
 */
import { type Interval, isAbove, isBelow } from "@causeway/core/analysis";
import { decimals, interval } from "@causeway/core/report";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { conclude, type Finding, type Verdict } from "../verdict.ts";

type Row = StudyMeasurements["correlation"][number];

/**
 * Decided by the interval of r that resamples arms and trunks, or by Fisher's z where there is none. A published r without
 * its number of pairs has neither, and its sign decides.
 */
export function bridge(_: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const { correlation } = all;
  const claim = {
    id: "bridge",
    from: "v1 and v2",
    finding: "The closer a mixture brings training to the target, the more it helps",
    rule:
      "Pearson's r of proximity advantage and relative improvement over arms and targets, with the default options. " +
      "Supported if its interval (bootstrap over arms and trunks) is above 0, not supported if it is below 0, otherwise " +
      "undecided.",
  };
  const row = correlation.find(({ is_default }) => Boolean(is_default));
  if (!row) {
    return [conclude(claim, all, { verdict: "not measured", effects: [], on: [] })];
  }
  const others = correlation.flatMap((other) => other !== row && other.r !== null ? other.r : []);
  const [from, to] = [Math.min(...others), Math.max(...others)].map((r) => decimals(r, 2));
  const numbers = [
    correlationLine(row),
    ...(others.length > 0 ? [`r from ${from} to ${to} with other options (${others.length})`] : []),
  ];
  const on = all.proximity.map(({ target }) => ({ target, source: target }));
  return [conclude(claim, all, { verdict: verdictOf(row, all), effects: [], numbers, on })];
}

function verdictOf(row: Row, { comparison }: StudyMeasurements): Verdict {
  const published = comparison.some(({ replication }) => replication === "means");
  const interval = decisiveInterval(row);
  const side = isAbove(interval, 0) ? 1 : isBelow(interval, 0) ? -1 : 0;
  const sign = published ? Math.sign(row.r ?? 0) : side;
  return sign > 0 ? "supported" : sign < 0 ? "not supported" : "undecided";
}

/** The interval that decides. Pairs share arms and targets, so Fisher's z, which takes them for independent, is nominal. */
export function decisiveInterval(
  { ci_low, ci_high, ci_resampled_low, ci_resampled_high }: Row,
): Interval {
  return ci_resampled_low === null
    ? { ci_low, ci_high }
    : { ci_low: ci_resampled_low, ci_high: ci_resampled_high };
}

function correlationLine(row: Row): string {
  const { r, p, n, ci_low, ci_high } = row;
  const resampled = decisiveInterval(row);
  const between = (low: number | null, high: number | null) =>
    interval(low, high, (bound) => decimals(bound, 2));
  if (resampled.ci_low === null) return `r = ${decimals(r, 2)}`;
  return `r = ${decimals(r, 2)} ${
    between(resampled.ci_low, resampled.ci_high)
  }, n = ${n}; nominal, as if pairs were ` +
    `independent: ${between(ci_low, ci_high)}, p = ${decimals(p, 4)}`;
}

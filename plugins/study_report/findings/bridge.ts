/**
 * The bridge: proximity advantage goes with improvement (v1, finding 2; v2 with lower correlations).
 *
 * @module
 */
import { isAbove, isBelow } from "@causeway/core/analysis";
import { decimals } from "@causeway/core/report";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { conclude, type Finding, type Verdict } from "../verdict.ts";

type Row = StudyMeasurements["correlation"][number];

/** Decided by the interval of r; a published r without its number of pairs has none, and its sign decides. */
export function bridge(_: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const { correlation } = all;
  const claim = {
    id: "bridge",
    from: "v1 and v2",
    finding: "The closer a mixture brings training to the target, the more it helps",
    rule:
      "Pearson's r of proximity advantage and relative improvement over arms and targets, with the default options. " +
      "Supported if its interval is above 0, not supported if it is below 0, otherwise undecided.",
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
    "pairs share arms and targets, so p and interval are nominal",
  ];
  const on = all.proximity.map(({ target }) => ({ target, source: target }));
  return [conclude(claim, all, { verdict: verdictOf(row, all), effects: [], numbers, on })];
}

function verdictOf(row: Row, { comparison }: StudyMeasurements): Verdict {
  const published = comparison.some(({ replication }) => replication === "means");
  const sign = published ? Math.sign(row.r ?? 0) : isAbove(row, 0) ? 1 : isBelow(row, 0) ? -1 : 0;
  return sign > 0 ? "supported" : sign < 0 ? "not supported" : "undecided";
}

function correlationLine({ r, p, n, ci_low, ci_high }: Row): string {
  if (ci_low === null) return `r = ${decimals(r, 2)}`;
  const [low, high] = [ci_low, ci_high].map((bound) => decimals(bound, 2));
  return `r = ${decimals(r, 2)} [${low}, ${high}], p = ${decimals(p, 4)}, n = ${n}`;
}

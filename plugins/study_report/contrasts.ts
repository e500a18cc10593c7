/**
 * Statistics of the losses of several arms, with intervals over independent repetitions of the training.
 *
 * @module
 */
import {
  detectableEffect,
  type Interval,
  mean,
  NO_INTERVAL,
  pairedDifference,
  standardDeviation,
} from "@causeway/core/analysis";
import { findComparison, isCompared, labelOf } from "./effects.ts";
import type { ComparisonRow, StudyMeasurements } from "./inputs.ts";

/** Units of effects: nats per token, a share of a loss, a variance of losses. */
export type EffectUnit = "nats" | "share" | "nats²";

/** A difference, or another statistic of losses; negative values support the claim. */
export interface Effect extends Interval {
  readonly label: string;
  readonly difference: number;
  readonly unit: EffectUnit;
  /** Smallest absolute value that the design finds with 80% power; null without an interval. */
  readonly detectable: number | null;
  /**
   * What the interval is over: "trunks", "seeds" of fine-tuning, "none"; or "means" for published means of several seeds,
   * which have no interval.
   */
  readonly replication: string;
  /** The interval that also has the variance of the held-out documents, where it was measured; shown, decides nothing. */
  readonly with_documents?: Interval;
}

/** The loss of an arm on a source after fine-tuning on a target; NaN if it was not measured. */
export type LossOf = (arm: string, target: string, source: string) => number;

/**
 * A statistic of losses with its interval. The statistic is computed for every trunk and fine-tuning seed at which all the
 * losses it reads were measured, and averaged over the seeds of a trunk. The interval is Student's t over trunks, or over
 * fine-tuning seeds where there is one trunk. Where no losses by seed exist (published means), it is computed from means.
 *
 * @returns undefined if some loss was measured nowhere, or never together with the others.
 */
export function estimate(
  all: StudyMeasurements,
  { label, unit = "nats" }: { label: string; unit?: EffectUnit },
  statistic: (loss: LossOf) => number,
): Effect | undefined {
  if (all.runs.length === 0) return ofMeans(all, { label, unit }, statistic);
  const trunks = lossesByUnit(all).map((seeds) =>
    seeds.map((losses) => statistic((...key) => losses.get(keyOf(...key)) ?? NaN))
      .filter(Number.isFinite)
  ).filter((values) => values.length > 0);
  if (trunks.length === 0) return undefined;
  const values = trunks.length > 1 ? trunks.map(mean) : trunks[0];
  const { difference, ci_low, ci_high } = pairedDifference(values, values.map(() => 0));
  const repeated = values.length > 1;
  const replication = !repeated ? "none" : trunks.length > 1 ? "trunks" : "seeds";
  const error = repeated ? standardDeviation(values)! / Math.sqrt(values.length) : 0;
  const detectable = repeated ? error * detectableEffect(values.length - 1) : null;
  return { label, unit, difference, ci_low, ci_high, detectable, replication };
}

/** From the means over seeds alone. */
function ofMeans(
  all: StudyMeasurements,
  named: Pick<Effect, "label" | "unit">,
  statistic: (loss: LossOf) => number,
): Effect | undefined {
  const kinds = new Set<string>();
  const difference = statistic((arm, target, source) => {
    const row = findComparison(all, arm, target, source);
    if (row) kinds.add(row.replication);
    return row?.loss_after ?? NaN;
  });
  if (!Number.isFinite(difference)) return undefined;
  const replication = kinds.size === 1 && kinds.has("means") ? "means" : "none";
  return { ...named, difference, ...NO_INTERVAL, detectable: null, replication };
}

/** The difference of a row from its reference; undefined if it was not compared. */
export function effectOf(label: string, row: ComparisonRow | undefined): Effect | undefined {
  if (!isCompared(row)) return undefined;
  const { difference, ci_low, ci_high, detectable, replication } = row;
  const with_documents = { ci_low: row.ci_documents_low, ci_high: row.ci_documents_high };
  const effect = { label, difference, ci_low, ci_high, detectable, replication } as const;
  return { ...effect, unit: "nats", ...(with_documents.ci_low !== null && { with_documents }) };
}

/** Loss of arm `a` minus that of arm `b`. */
export function differenceBetween(
  all: StudyMeasurements,
  [a, b]: readonly [string, string],
  target: string,
  source: string,
): Effect | undefined {
  const label = `${labelOf(all, a)} − ${labelOf(all, b)}`;
  return estimate(all, { label }, (loss) => loss(a, target, source) - loss(b, target, source));
}

/** (loss of the reference − loss of the arm) / loss of the reference, on the target's own text. */
export function relativeGain(loss: LossOf, arm: string, reference: string, target: string): number {
  const base = loss(reference, target, target);
  return (base - loss(arm, target, target)) / base;
}

const keyOf = (...key: readonly [arm: string, target: string, source: string]) =>
  JSON.stringify(key);

type Losses = Map<string, number>;
const INDEXED = new WeakMap<StudyMeasurements["runs"], Losses[][]>();

/** Losses after fine-tuning, by trunk and within it by seed. */
function lossesByUnit({ runs }: StudyMeasurements): Losses[][] {
  const known = INDEXED.get(runs);
  if (known) return known;
  const trunks = [...Map.groupBy(runs, ({ trunk }) => trunk).values()].map((of_trunk) =>
    [...Map.groupBy(of_trunk, ({ seed }) => seed).values()].map((rows) =>
      new Map(rows.map((row) => [keyOf(row.arm, row.target, row.source), row.loss_after]))
    )
  );
  INDEXED.set(runs, trunks);
  return trunks;
}

/** What the intervals of some rows are over, the strongest of them. */
export function replicationOf(rows: readonly Pick<ComparisonRow, "replication">[]): string {
  const found = new Set(rows.map(({ replication }) => replication));
  return ["trunks", "seeds", "means"].find((kind) => found.has(kind)) ?? "none";
}

/**
 * The sample with several trunks: losses that differ between trunks more than between seeds, and a comparison computed from
 * them as the study stage does.
 *
 * @module
 */
import {
  detectableEffect,
  mean,
  pairedDifference,
  standardDeviation,
  varianceComponents,
} from "@causeway/core/analysis";
import type { ComparisonRow, StudyMeasurements } from "../inputs.ts";
import { studySample } from "./sample.ts";

const SEEDS = [1, 2];

/** Runs of every arm on every target; trunks move an arm by up to 0.02, beyond what all its arms share. */
export function trunkSample(trunks = 3): StudyMeasurements {
  const all = studySample();
  const runs = all.comparison.flatMap((row, i) =>
    Array.from({ length: trunks }, (_, trunk) =>
      SEEDS.map((seed) => ({
        arm: row.arm,
        target: row.target,
        trunk,
        seed,
        learning_rate: 1e-3,
        source: row.source,
        loss_before: row.loss_before,
        loss_after: row.loss_after + 0.05 * Math.sin(trunk) +
          0.02 * Math.sin(2.1 * i + 1.3 * trunk) +
          0.003 * Math.sin(1.7 * i + 2.3 * seed + trunk),
        bits_per_byte_before: null,
        bits_per_byte_after: null,
      }))).flat()
  );
  const of = (row: ComparisonRow, arm: string) =>
    Array.from(
      { length: trunks },
      (_, trunk) =>
        runs.filter((run) =>
          run.arm === arm && run.target === row.target && run.source === row.source &&
          run.trunk === trunk
        ).map(({ loss_after }) => loss_after),
    );
  const comparison = all.comparison.map((row) =>
    compared(row, of(row, row.arm), of(row, row.reference))
  );
  return { ...all, runs, comparison };
}

function compared(
  row: ComparisonRow,
  own: readonly (readonly number[])[],
  reference: readonly (readonly number[])[],
): ComparisonRow {
  const trunks = own.length;
  const { sd_trunks, sd_seeds } = varianceComponents(own);
  const loss_after = mean(own.map(mean));
  const common = {
    trunks,
    seeds: SEEDS.length,
    replication: "trunks",
    loss_after,
    sd_after: standardDeviation(own.flat()),
    sd_trunks,
    sd_seeds,
  };
  if (row.difference === null) return { ...row, ...common };
  const [a, b] = [own.map(mean), reference.map(mean)];
  const { difference, ci_low, ci_high, p } = pairedDifference(a, b);
  const error = standardDeviation(a.map((value, i) => value - b[i]))! / Math.sqrt(trunks);
  return {
    ...row,
    ...common,
    difference,
    ci_low,
    ci_high,
    p,
    df: trunks - 1,
    se_documents: 0.004,
    ci_documents_low: ci_low! - 0.002,
    ci_documents_high: ci_high! + 0.002,
    detectable: error * detectableEffect(trunks - 1),
    relative_improvement: -difference / mean(b),
  };
}

/**
 * Arms compared with their reference, paired by trunk and fine-tuning seed.
 *
 * @module
 */
import {
  combinedInterval,
  detectableEffect,
  mean,
  nestedDifference,
  NO_INTERVAL,
  type PairedDifference,
  replicationOf,
  standardDeviation,
  varianceComponents,
} from "@causeway/core/analysis";
import type { Row } from "@causeway/core/report";
import type { study_ports } from "@causeway/core/stage";
import { counted } from "@causeway/core/words";
import type { Config } from "./config.ts";
import type { DocumentLosses } from "./documents.ts";
import type { RunRow } from "./runs.ts";

/** One arm on one held-out source, after fine-tuning on one target. */
type ComparisonRow = Row<typeof study_ports.study_comparison.columns>;

/** The runs of one arm with those of its reference. */
interface Pair {
  readonly own: RunRow;
  readonly other: RunRow;
}

/** What the columns of `study_comparison` are computed from, besides the runs. */
interface Given {
  readonly config: Config;
  readonly documents: DocumentLosses;
  log(message: string): void;
}

/**
 * Compares every arm with its reference. Runs that only one of the two has are left out of the difference, with a line in
 * the log.
 *
 * @throws {Error} when an arm and its reference have no run of one trunk and seed in common on a target, or were measured
 * on different held-out text.
 */
export function compareRuns(given: Given, rows: readonly RunRow[]): ComparisonRow[] {
  const { config: { arms, confidence }, documents, log } = given;
  const key = ({ arm, target, source }: Pick<RunRow, "arm" | "target" | "source">) =>
    JSON.stringify([arm, target, source]);
  const groups = Map.groupBy(rows, key);
  const reference_of = new Map(arms.map(({ name, reference }) => [name, reference]));
  let floored = 0, unpaired = 0;
  const compared = [...groups.values()].map((group) => {
    const [{ arm, target, source }] = group;
    const reference = reference_of.get(arm)!;
    const { components, ...row } = describeRuns(group);
    if (components.floored) floored++;
    const { sd_trunks, sd_seeds } = components;
    const described = { arm, target, source, reference, ...row, sd_trunks, sd_seeds };
    if (reference === arm) return { ...described, ...NOT_COMPARED };
    const pairs = pairsOf(group, groups.get(key({ arm: reference, target, source })) ?? []);
    unpaired += group.length - pairs.length;
    return { ...described, ...differenceOf(pairs, documents, confidence) };
  });
  if (rows.every(({ trunk }) => trunk === rows[0].trunk)) {
    log("one trunk: intervals are over fine-tuning seeds, and say nothing of another pretraining");
  }
  if (floored > 0) {
    log(
      `the variance between trunks was estimated below 0, so sd_trunks is 0: ${
        counted(floored, "row")
      } of ${compared.length}`,
    );
  }
  if (unpaired > 0) {
    log(
      `left out of differences, no run of the reference with that trunk and seed: ${
        counted(unpaired, "loss", "losses")
      } of ${rows.length}`,
    );
  }
  return compared;
}

/** Means over trunks of means over seeds, and deviations. */
function describeRuns(group: readonly RunRow[]) {
  const trunks = byTrunk(group, ({ trunk }) => trunk);
  const seeds = Math.max(...trunks.map(({ length }) => length));
  const after = trunks.map((runs) => runs.map(({ loss_after }) => loss_after));
  return {
    trunks: trunks.length,
    seeds,
    replication: replicationOf(trunks),
    source_tokens: group[0].tokens,
    loss_before: mean(trunks.map((runs) => mean(runs.map(({ loss_before }) => loss_before)))),
    loss_after: mean(after.map(mean)),
    sd_after: standardDeviation(after.flat()),
    components: varianceComponents(after),
  };
}

function byTrunk<T>(items: readonly T[], trunkOf: (item: T) => number): T[][] {
  return [...Map.groupBy(items, trunkOf).values()];
}

function pairsOf(group: readonly RunRow[], others: readonly RunRow[]): Pair[] {
  const pairs = group.flatMap((own) => {
    const other = others.find(({ seed, trunk }) => seed === own.seed && trunk === own.trunk);
    return other ? [{ own, other }] : [];
  });
  const [{ arm, target, source }] = group;
  if (pairs.length === 0) {
    throw new Error(
      `"${arm}" and its reference have no run of one trunk and seed in common on "${target}"`,
    );
  }
  const unequal = pairs.find(({ own, other }) => own.tokens !== other.tokens);
  if (unequal) {
    const { own, other } = unequal;
    throw new Error(
      `run "${own.label}" was measured on ${own.tokens} tokens of "${source}", run "${other.label}" on ` +
        `${other.tokens}; give them the same validation data and settings`,
    );
  }
  return pairs;
}

const NOT_COMPARED = {
  difference: null,
  ...NO_INTERVAL,
  df: null,
  p: null,
  se_documents: null,
  ci_documents_low: null,
  ci_documents_high: null,
  detectable: null,
  relative_improvement: null,
};

function differenceOf(pairs: readonly Pair[], documents: DocumentLosses, confidence: number) {
  const given = pairs.map(({ own, other }) => {
    return { trunk: own.trunk, a: own.loss_after, b: other.loss_after };
  });
  const paired = nestedDifference(given, confidence);
  const { replication, difference, ci_low, ci_high, df, p, mean_b } = paired;
  return {
    replication,
    difference,
    ci_low,
    ci_high,
    df,
    p,
    detectable: detectableOf(paired),
    relative_improvement: -difference / mean_b,
    ...withDocuments(paired, pairs, documents, confidence),
  };
}

function detectableOf({ error, df }: PairedDifference): number | null {
  return error === null || df === null ? null : error * detectableEffect(df);
}

/** The error over documents, and the interval with it and the variation of training, where both are known. */
function withDocuments(
  { difference, error, df }: PairedDifference,
  pairs: readonly Pair[],
  documents: DocumentLosses,
  confidence: number,
) {
  const trunks = byTrunk(pairs, ({ own }) => own.trunk);
  const weighted = trunks.flatMap((of_trunk) =>
    of_trunk.map(({ own, other }) => {
      const weight = 1 / (trunks.length * of_trunk.length);
      return { own: own.label, other: other.label, weight };
    })
  );
  const of_documents = documents.errorOf(weighted, pairs[0].own.source);
  const both = of_documents === null || error === null || df === null
    ? NO_INTERVAL
    : combinedInterval(difference, [{ error, df }, of_documents], confidence);
  return {
    se_documents: of_documents?.error ?? null,
    ci_documents_low: both.ci_low,
    ci_documents_high: both.ci_high,
  };
}

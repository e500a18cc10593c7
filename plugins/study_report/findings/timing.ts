/**
 * When specialised data starts, and how much of it there is: timing matters more than weight (v1), the two interact (v2).
 *
 * @module
 */
import { spearman, standardDeviation } from "@causeway/core/analysis";
import { decimals, percent } from "@causeway/core/report";
import { differenceBetween, type Effect, estimate, type LossOf } from "../contrasts.ts";
import {
  crossedArms,
  findComparison,
  gridArms,
  matchedTarget,
  targetLabel,
  weightsByStart,
} from "../effects.ts";
import { exposureLines } from "../exposure.ts";
import type { ArmRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { type Claim, conclude, type Finding, judge, sideOf, type Verdict } from "../verdict.ts";

const own = (target: string | undefined) =>
  target === undefined ? [] : [{ target, source: target }];

/** Fewest points of a line whose spread is estimated. */
const LEAST_POINTS = 3;

/** Lines of the grid along one of start and weight, at each value of the other. */
function linesAlong(
  all: StudyMeasurements,
  target: string,
  fixed: "start" | "weight",
): ArmRow[][] {
  const measured = crossedArms(gridArms(all))
    .filter(({ arm }) => findComparison(all, arm, target, target));
  return [...Map.groupBy(measured, (arm) => arm[fixed].toFixed(6)).values()]
    .filter((line) => line.length >= LEAST_POINTS);
}

/** Mean over lines of the variance of the loss along each; sampling noise adds the same to lines of any length. */
function spread(loss: LossOf, lines: readonly ArmRow[][], target: string): number {
  const variances = lines.map((line) =>
    standardDeviation(line.map(({ arm }) => loss(arm, target, target)))! ** 2
  );
  return variances.reduce((sum, each) => sum + each, 0) / variances.length;
}

/** v1: the loss varies more along starts than along weights. */
export function timingOverWeight(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const target = matchedTarget(config, gridArms(all)[0]);
  const claim = {
    id: "timing_over_weight",
    from: "v1",
    finding: "When specialised data starts matters more than how much of it there is",
    rule:
      `Variance of the loss along weights (at each start with at least ${LEAST_POINTS}) − along starts (at each weight with ` +
      "as many), on the matched target. Both ranges are those of the grid: a wider range of weights has a wider spread.",
  };
  const [starts, weights] = target === undefined
    ? [[], []]
    : [linesAlong(all, target, "weight"), linesAlong(all, target, "start")];
  if (target === undefined || starts.length === 0 || weights.length === 0) {
    return [conclude(claim, all, { verdict: "not measured", effects: [], on: [] })];
  }
  const at = (lines: ArmRow[][], label: string) =>
    estimate(all, { label, unit: "nats²" }, (loss) => spread(loss, lines, target));
  const [along_starts, along_weights] = [at(starts, "starts"), at(weights, "weights")];
  const effect = estimate(
    all,
    { label: "variance along weights − starts", unit: "nats²" },
    (loss) => {
      return spread(loss, weights, target) - spread(loss, starts, target);
    },
  );
  const sd = (of: Effect | undefined) => decimals(of ? Math.sqrt(of.difference) : null);
  return [conclude(claim, all, {
    verdict: effect ? judge([effect]) : "not measured",
    effects: effect ? [effect] : [],
    numbers: [
      `standard deviation along starts ${sd(along_starts)}, along weights ${sd(along_weights)}`,
    ],
    on: own(target),
  })];
}

/** Shares of the run before which a start is early, and from which it is late. */
const MIDDLE = 0.5;

/** v1: an early start beats a late one, at equal weight. */
export function earlyBeatsLate(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  return [alongStarts(config, all, "equal weight", {
    id: "early_beats_late",
    from: "v1",
    finding: "An early start beats a late one, at equal weight",
    rule: "Arms with the weight that has most starts.",
  })];
}

/** The same with the same number of specialised tokens, which the paper does not separate. */
export function earlyAtEqualTokens(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  return [alongStarts(config, all, "equal specialised tokens", {
    id: "early_at_equal_tokens",
    from: "here",
    finding: "An early start beats a late one that sees as much specialised data",
    rule: "Arms that see equally many specialised tokens, within 2%.",
  })];
}

function alongStarts(
  config: StudyReportConfig,
  all: StudyMeasurements,
  estimand: string,
  claim: Claim,
): Finding {
  const target = matchedTarget(config, gridArms(all)[0]);
  const rule =
    `${claim.rule} Loss on the matched target, earliest start − latest. Not measured unless the ` +
    "earliest start is in the first half of the run and the latest in the second.";
  const line = exposureLines(all).find((each) => each.estimand === estimand);
  const points = (line?.arms ?? []).flatMap(({ arm, start, weight }) => {
    const row = target && findComparison(all, arm, target, target);
    return row ? [{ arm, start, weight, loss: row.loss_after }] : [];
  });
  const [first, last] = [points[0], points.at(-1)];
  if (!target || !first || !last || first.start >= MIDDLE || last.start < MIDDLE) {
    return conclude({ ...claim, rule }, all, { verdict: "not measured", effects: [], on: [] });
  }
  const effect = differenceBetween(all, [first.arm, last.arm], target, target);
  const { r } = spearman(points.map(({ start }) => start), points.map(({ loss }) => loss));
  const best = points.reduce((a, b) => b.loss < a.loss ? b : a);
  return conclude({ ...claim, rule }, all, {
    verdict: effect ? judge([effect]) : "not measured",
    effects: effect ? [effect] : [],
    numbers: [
      ...points.map(({ start, weight, loss }) => {
        return `from ${percent(start)} at ${percent(weight)}: ${decimals(loss)}`;
      }),
      `best from ${percent(best.start)}`,
      ...(r === null ? [] : [`rho = ${decimals(r, 2)} over ${points.length} starts`]),
    ],
    on: own(target),
  });
}

/** v2: high weights suit an early start, low weights a late one. */
export function startAndWeight(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const target = matchedTarget(config, gridArms(all)[0]);
  const on = target ? ` on ${targetLabel(config, target)}` : "";
  const claim = {
    id: "start_and_weight",
    from: "v2",
    finding: `Start and weight interact${on}: early starts bear high weights, late ones need low`,
    rule:
      "The earliest and the latest start with several weights, over the weights that both have. Interaction: loss at the " +
      "highest weight − loss at the lowest, at the early start, minus the same at the late start. Supported if its interval " +
      "is below 0 and the best weight is higher at the early start, not supported if it is above 0 and the best weight is " +
      "not higher, otherwise undecided.",
  };
  const grid = target ? weightsByStart(all, target) : undefined;
  if (!target || !grid) {
    return [conclude(claim, all, { verdict: "not measured", effects: [], on: [] })];
  }
  const [early, late] = grid.map(({ arms }) => arms);
  const best = grid.map(({ arms }) => arms.reduce((a, b) => b.loss < a.loss ? b : a));
  const interaction = estimate(all, { label: "interaction" }, (loss) => {
    const at = ({ arm }: { arm: string }) => loss(arm, target, target);
    return at(early.at(-1)!) - at(early[0]) - (at(late.at(-1)!) - at(late[0]));
  });
  const higher = best[0].weight > best[1].weight;
  return [conclude(claim, all, {
    verdict: interactionVerdict(interaction, higher),
    effects: interaction ? [interaction] : [],
    numbers: grid.map(({ start }, i) =>
      `from ${percent(start)}: best at ${percent(best[i].weight)} (${decimals(best[i].loss)})`
    ),
    on: own(target),
  })];
}

function interactionVerdict(interaction: Effect | undefined, higher: boolean): Verdict {
  const side = interaction === undefined ? 0 : sideOf(interaction);
  return side < 0 && higher ? "supported" : side > 0 && !higher ? "not supported" : "undecided";
}

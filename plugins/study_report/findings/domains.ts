/**
 * Gains are domain-specific: largest for code and math, little for FLAN and for mismatched pairs (v1, finding 1).
 *
 * @module
 */
import { mean } from "@causeway/core/analysis";
import { list, percent } from "@causeway/core/report";
import { effectOf, estimate, type LossOf, relativeGain } from "../contrasts.ts";
import {
  distantArms,
  findComparison,
  mainArms,
  type MatchedArm,
  matchedArms,
  targetLabel,
} from "../effects.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { byEffects, conclude, type Finding, judge } from "../verdict.ts";

const own = (target: string) => ({ target, source: target });

/** One finding for each source far from general data. */
export function inDomain(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  return distantArms(config, all).map(({ arm, target, label }) => {
    const effect = effectOf(label, findComparison(all, arm.arm, target, target));
    const claim = {
      id: "in_domain",
      specialised: arm.specialised,
      from: "v1",
      finding: `Midtraining on ${arm.specialised} lowers the loss after fine-tuning on ${
        targetLabel(config, target)
      }`,
      rule: "Loss on the target, arm − control, paired by trunk and seed.",
    };
    return byEffects(claim, all, effect ? [effect] : [], [own(target)]);
  });
}

/** Whether no mixture helps a far target more than the one meant for it. */
export function ownMixtureIsBest(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  return distantArms(config, all).map(({ arm, target }) => {
    const others = mainArms(all).filter((other) => {
      return other.kind === "midtrain" && other.arm !== arm.arm;
    });
    const effects = others.flatMap((other) => {
      const label = `${arm.label} − ${other.label}`;
      return estimate(all, { label }, (loss) => {
        return loss(arm.arm, target, target) - loss(other.arm, target, target);
      }) ?? [];
    });
    const claim = {
      id: "own_mixture_is_best",
      specialised: arm.specialised,
      from: "v1",
      finding: `No other mixture helps ${
        targetLabel(config, target)
      } as much as ${arm.specialised}`,
      rule:
        "Loss on the target, the mixture meant for it − every other mixture, paired by trunk and seed.",
    };
    return byEffects(claim, all, effects, [own(target)]);
  });
}

/** Gain of an arm on a target, as a share of the control's loss. */
function gainOf(
  all: StudyMeasurements,
  loss: LossOf,
  { arm, target }: { arm: string; target: string },
) {
  const reference = findComparison(all, arm, target, target)?.reference;
  return reference === undefined ? NaN : relativeGain(loss, arm, reference, target);
}

const pairOf = ({ arm, target }: MatchedArm) => ({ arm: arm.arm, target });

/** Gains in per cent, from the means. */
function gainLines(all: StudyMeasurements, pairs: readonly MatchedArm[]): string[] {
  return pairs.flatMap(({ arm, target, label }) => {
    const gain = findComparison(all, arm.arm, target, target)?.relative_improvement ?? null;
    return gain === null ? [] : [`${label}: gain ${percent(gain)}`];
  });
}

/** Whether the matched mixtures of far sources gain more than those near general data. */
export function largestForDistant(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const far = distantArms(config, all);
  const near = matchedArms(config, all).filter((pair) => {
    return !config.distant.includes(pair.arm.specialised);
  });
  const effects = near.flatMap((small) =>
    far.flatMap((large) => {
      const label = `gain of ${small.arm.specialised} on ${targetLabel(config, small.target)} − ` +
        `${large.arm.specialised} on ${targetLabel(config, large.target)}`;
      return estimate(all, { label, unit: "share" }, (loss) => {
        return gainOf(all, loss, pairOf(small)) - gainOf(all, loss, pairOf(large));
      }) ?? [];
    })
  );
  const names = far.map(({ arm }) => arm.specialised);
  return [conclude(
    {
      id: "largest_for_distant",
      from: "v1",
      finding: `Gains are larger for ${list(names) || "far domains"} than for ` +
        `${list([...new Set(near.map(({ arm }) => arm.specialised))]) || "near ones"}`,
      rule:
        "Gain: improvement relative to the control's loss on the matched target. Near sources − far ones.",
    },
    all,
    {
      verdict: judge(effects),
      effects,
      numbers: gainLines(all, [...far, ...near]),
      on: [...far, ...near].map(({ target }) => own(target)),
    },
  )];
}

/** Whether mixtures on targets that they are not meant for gain less than the far sources on theirs. */
export function mismatchedGainLess(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const far = distantArms(config, all);
  const mismatched = mainArms(all).filter(({ kind }) => kind === "midtrain").flatMap((arm) =>
    config.targets.filter(({ name }) =>
      findComparison(all, arm.arm, name, name) &&
      !config.matched.some((pair) => {
        return pair.specialised === arm.specialised && pair.target === name;
      })
    ).map(({ name: target }) => ({ arm: arm.arm, target }))
  );
  const meanGain = (loss: LossOf) => mean(mismatched.map((pair) => gainOf(all, loss, pair)));
  const effects = mismatched.length === 0 ? [] : far.flatMap((large) => {
    const label = `mean gain of ${mismatched.length} mismatched pairs − ${large.arm.specialised} ` +
      `on ${targetLabel(config, large.target)}`;
    return estimate(all, { label, unit: "share" }, (loss) => {
      return meanGain(loss) - gainOf(all, loss, pairOf(large));
    }) ?? [];
  });
  const gain = mismatched.length === 0 ? undefined : estimate(
    all,
    { label: `mean gain of ${mismatched.length} mismatched pairs`, unit: "share" },
    meanGain,
  );
  const claim = {
    id: "mismatched_gain_less",
    from: "v1",
    finding:
      "Mixtures that are not meant for a target gain less than matched ones far from general data",
    rule:
      "Mean gain over all mismatched pairs of mixture and target − that of each far source on its own target.",
  };
  return [conclude(claim, all, {
    verdict: judge(effects),
    effects,
    numbers: gain ? [`mean gain: ${percent(gain.difference)}`] : [],
    on: [...mismatched, ...far].map(({ target }) => own(target)),
  })];
}

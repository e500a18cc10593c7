/**
 * A mixture beats continued pretraining on specialised data alone, in domain and in retention (v1, Table 3).
 *
 * @module
 */
import { differenceBetween } from "../contrasts.ts";
import { mainArm, matchedTarget, targetLabel } from "../effects.ts";
import type { ArmRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { sameTokens } from "../exposure.ts";
import { byEffects, type Finding } from "../verdict.ts";

/** Continued pretraining of one source, with the mixture of it. */
interface Rivals {
  readonly specialised: string;
  readonly main: ArmRow;
  readonly alone: readonly ArmRow[];
  readonly target: string;
}

function rivals(config: StudyReportConfig, all: StudyMeasurements): Rivals[] {
  const continued = all.arms.filter(({ kind }) => kind === "continued");
  return [...Map.groupBy(continued, ({ specialised }) => specialised)]
    .flatMap(([specialised, alone]) => {
      const [main, target] = [mainArm(all, specialised), matchedTarget(config, alone[0])];
      return main && target ? [{ specialised, main, alone, target }] : [];
    });
}

function effectsOf(all: StudyMeasurements, { main, alone, target }: Rivals, source: string) {
  return alone.flatMap((arm) => {
    const effect = differenceBetween(all, [main.arm, arm.arm], target, source);
    if (!effect) return [];
    const equal = sameTokens(main, arm) ? " (equal specialised tokens)" : "";
    return [{ ...effect, label: `${effect.label}${equal}` }];
  });
}

/** One finding for each source. */
export function continuedInDomain(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  return rivals(config, all).map((each) => {
    const claim = {
      id: "continued_in_domain",
      specialised: each.specialised,
      from: "v1",
      finding: `A mixture with ${each.specialised} beats ${each.specialised} alone, in domain`,
      rule: `Loss on ${
        targetLabel(config, each.target)
      } after fine-tuning on it, mixture − continued pretraining, paired by trunk and seed.`,
    };
    const { target } = each;
    return byEffects(claim, all, effectsOf(all, each, target), [{ target, source: target }]);
  });
}

/** One finding for each source. */
export function continuedRetention(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const { general } = config;
  return rivals(config, all).map((each) => {
    const claim = {
      id: "continued_retention",
      specialised: each.specialised,
      from: "v1",
      finding: `A mixture with ${each.specialised} retains more than ${each.specialised} alone`,
      rule: `Loss on ${general} after fine-tuning on ${
        targetLabel(config, each.target)
      }, mixture − continued pretraining, paired by trunk and seed.`,
    };
    const { target } = each;
    return byEffects(claim, all, effectsOf(all, each, general), [{ target, source: general }]);
  });
}

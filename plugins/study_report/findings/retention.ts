/**
 * Loss on general data after fine-tuning: what a midtrained model retains (v1, Tables 2 and 8).
 *
 * @module
 */
import { effectOf } from "../contrasts.ts";
import { distantArms, findComparison, targetLabel } from "../effects.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { byEffects, type Finding } from "../verdict.ts";

/** One finding for each source far from general data, after fine-tuning on the target that it is meant for. */
export function retention(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const { general } = config;
  return distantArms(config, all).map(({ arm, target, label }) => {
    const effect = effectOf(label, findComparison(all, arm.arm, target, general));
    const claim = {
      id: "retention",
      specialised: arm.specialised,
      from: "v1",
      finding:
        `Midtraining on ${arm.specialised} lowers the loss on ${general} after fine-tuning on ${
          targetLabel(config, target)
        }`,
      rule: `Loss on ${general}, arm − control, paired by trunk and seed.`,
    };
    return byEffects(claim, all, effect ? [effect] : [], [{ target, source: general }]);
  });
}

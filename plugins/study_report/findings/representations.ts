/**
 * Representations: fine-tuning shifts the final layers of midtrained models less (v1, Figures 5 and 9 to 13).
 *
 * @module
 */
import { isAbove, isBelow } from "@causeway/core/analysis";
import { decimals, interval, probeLabel } from "@causeway/core/report";
import { labelOf } from "../effects.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { conclude, type Finding } from "../verdict.ts";

type Shift = StudyMeasurements["shift"][string][number];

/** Shift of an arm by fine-tuning and that of the control, on the same probe and rows. */
interface Pair {
  readonly of_arm: Shift;
  readonly of_control: Shift;
}

function pairsOf(all: StudyMeasurements): Pair[] {
  const controls = all.arms.filter(({ kind }) => kind === "control").map(({ arm }) => arm);
  return Object.values(all.shift).flatMap((rows) => {
    const tuned = rows.filter(({ model_a, model_b }) => model_b === `${model_a}_sft`);
    return tuned.filter(({ model_a }) => !controls.includes(model_a)).flatMap((of_arm) => {
      const of_control = tuned.find((row) => {
        return controls.includes(row.model_a) && row.probe === of_arm.probe &&
          row.rows === of_arm.rows;
      });
      return of_control ? [{ of_arm, of_control }] : [];
    });
  });
}

/** Judged by jackknife intervals over subsamples of the probe: one trunk and one seed of each model. */
export function representations(_: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const claim = {
    id: "final_layer_shift",
    from: "v1",
    finding: "Fine-tuning shifts the final layer of a midtrained model less",
    rule:
      "Shift of the final layer by fine-tuning (1 - CKA), of arm and control, on each probe. Supported if every interval of " +
      "the arm is below the control's, not supported if one is above, otherwise undecided. Intervals are over text of the " +
      "probe; one model of each kind is compared.",
  };
  const pairs = pairsOf(all);
  const numbers = pairs.map(({ of_arm, of_control }) => {
    const [own, other] = [of_arm, of_control].map(({ shift, ci_low, ci_high }) => {
      return `${decimals(shift)} ${interval(ci_low, ci_high)}`;
    });
    return `${labelOf(all, of_arm.model_a)} on ${probeLabel(of_arm)}: ${own}, control ${other}`;
  });
  const below = pairs.every(({ of_arm, of_control }) => isBelow(of_arm, of_control.ci_low));
  const above = pairs.some(({ of_arm, of_control }) => isAbove(of_arm, of_control.ci_high));
  const verdict = pairs.length === 0
    ? "not measured"
    : below
    ? "supported"
    : above
    ? "not supported"
    : "undecided";
  return [conclude(claim, all, { verdict, effects: [], numbers, on: [] })];
}

/**
 * The paper's findings, and what the numbers say of each. Every rule is written where it is computed, and is shown.
 *
 * @module
 */
import { spearman } from "../../core/analysis/mod.ts";
import { decimals, list, percent, signed } from "../../core/report/mod.ts";
import type { StudyReportConfig } from "./config.ts";
import {
  type ArmRow,
  differenceBetween,
  type Effect,
  findComparison,
  gridArms,
  labelOf,
  mainArm,
} from "./effects.ts";
import type { StudyMeasurements } from "./read.ts";

export type Verdict = "supported" | "not supported" | "undecided" | "not measured";

export interface Finding {
  readonly finding: string;
  /** How the verdict is reached. */
  readonly rule: string;
  readonly verdict: Verdict;
  readonly numbers: string;
}

type Judge = (config: StudyReportConfig, all: StudyMeasurements) => Finding;

/** In the paper's order. */
export const FINDINGS: readonly Judge[] = [
  inDomain,
  mostForDistant,
  bridge,
  againstContinuedInDomain,
  againstContinuedGeneral,
  earlierIsBetter,
  startAndWeight,
  forgetting,
  alongTheRun,
  representations,
];

const SHARED_RULE =
  "Supported when every interval lies below 0, not supported when one lies above 0 or all differences do, undecided " +
  "otherwise.";

/** The verdict on differences that are below 0 where the finding holds. */
export function judge(effects: readonly Effect[]): Verdict {
  if (effects.length === 0) return "not measured";
  if (effects.every(({ ci_high }) => ci_high < 0)) return "supported";
  if (effects.some(({ ci_low }) => ci_low > 0)) return "not supported";
  const measured = effects.every(({ ci_low }) => Number.isFinite(ci_low));
  if (measured && effects.every(({ difference }) => difference > 0)) return "not supported";
  return "undecided";
}

function byEffects(finding: string, rule: string, effects: readonly Effect[]): Finding {
  const numbers = effects.map(formatEffect).join("; ");
  return { finding, rule: `${rule} ${SHARED_RULE}`, verdict: judge(effects), numbers };
}

function formatEffect({ label, difference, ci_low, ci_high }: Effect): string {
  const interval = Number.isFinite(ci_low) ? ` [${signed(ci_low)}, ${signed(ci_high)}]` : "";
  return `${label}: ${signed(difference)}${interval}`;
}

/** Main arm against its reference on a held-out source, for every matched pair. */
function matchedEffects(
  { matched }: StudyReportConfig,
  all: StudyMeasurements,
  sourceOf: (target: string) => string,
): (Effect & { specialised: string; relative: number; reference_loss: number })[] {
  return matched.flatMap(({ specialised, target }) => {
    const arm = mainArm(all, specialised);
    const row = arm && findComparison(all, arm.arm, target, sourceOf(target));
    if (!row || !Number.isFinite(row.difference)) return [];
    const { difference, ci_low, ci_high, relative_improvement: relative } = row;
    const reference_loss = row.loss_after - difference;
    const label = `${arm.label}, ${target}`;
    return [{ label, specialised, difference, ci_low, ci_high, relative, reference_loss }];
  });
}

function inDomain(config: StudyReportConfig, all: StudyMeasurements): Finding {
  const distant = matchedEffects(config, all, (target) => target)
    .filter(({ specialised }) => config.distant.includes(specialised));
  return byEffects(
    "Midtraining on code and math lowers the loss after fine-tuning in those domains",
    "Loss on the matched target, arm minus control, paired by seed, for the sources far from general data.",
    distant,
  );
}

function mostForDistant(config: StudyReportConfig, all: StudyMeasurements): Finding {
  const finding = "The gain is largest for domains far from general data";
  const rule =
    "Relative improvement on the matched target. Supported when the lowest interval of the far sources lies above " +
    "the highest of the others, not supported when an interval of another source lies above all of the far ones, " +
    "undecided otherwise.";
  const effects = matchedEffects(config, all, (target) => target).map((effect) => ({
    ...effect,
    low: -effect.ci_high / effect.reference_loss,
    high: -effect.ci_low / effect.reference_loss,
  }));
  const [far, near] = [true, false].map((distant) =>
    effects.filter(({ specialised }) => config.distant.includes(specialised) === distant)
  );
  const numbers = effects.map(({ label, relative }) => `${label}: ${percent(relative)}`).join("; ");
  if (far.length === 0 || near.length === 0) {
    return { finding, rule, verdict: "not measured", numbers };
  }
  const all_above = far.every((a) => near.every((b) => a.low > b.high));
  const one_above = near.some((b) => far.every((a) => b.low > a.high));
  const verdict = all_above ? "supported" : one_above ? "not supported" : "undecided";
  return { finding, rule, verdict, numbers };
}

function bridge(_: StudyReportConfig, { correlation }: StudyMeasurements): Finding {
  const finding = "The closer a mixture brings training to the target, the more it helps";
  const rule =
    "Pearson's r of proximity advantage and relative improvement over arms and targets. Supported when its interval " +
    "lies above 0, not supported when r is not above 0 or the interval lies below 0, undecided otherwise.";
  const row = correlation.find(({ is_default }) => Boolean(is_default));
  if (!row) return { finding, rule, verdict: "not measured", numbers: "" };
  const others = correlation.filter((other) => other !== row && Number.isFinite(other.r));
  const range = others.map(({ r }) => r);
  const choices = others.length > 0
    ? `; under the ${others.length} other choices r from ${decimals(Math.min(...range), 2)} to ${
      decimals(Math.max(...range), 2)
    }`
    : "";
  const numbers = `r = ${decimals(row.r, 2)} [${decimals(row.ci_low, 2)}, ${
    decimals(row.ci_high, 2)
  }], p = ${decimals(row.p, 4)}, n = ${row.n}${choices}`;
  const verdict = row.ci_low > 0 ? "supported" : row.r <= 0 ? "not supported" : "undecided";
  return { finding, rule, verdict: Number.isNaN(row.r) ? "undecided" : verdict, numbers };
}

/** Main arm minus continued pretraining of the same source. */
function continuedEffects(
  { matched, general }: StudyReportConfig,
  all: StudyMeasurements,
  in_domain: boolean,
): Effect[] {
  return all.arms.filter(({ kind }) => kind === "continued").flatMap(({ arm, specialised }) => {
    const main = mainArm(all, specialised);
    const target = matched.find((pair) => pair.specialised === specialised)?.target;
    if (!main || !target) return [];
    const source = in_domain ? target : general;
    return differenceBetween(all, [main.arm, arm], target, source) ?? [];
  });
}

function againstContinuedInDomain(config: StudyReportConfig, all: StudyMeasurements): Finding {
  return byEffects(
    "Midtraining beats continued pretraining on specialised data alone, in domain",
    "Loss on the matched target after fine-tuning, midtraining minus continued pretraining, paired by seed.",
    continuedEffects(config, all, true),
  );
}

function againstContinuedGeneral(config: StudyReportConfig, all: StudyMeasurements): Finding {
  return byEffects(
    "Midtraining forgets less than continued pretraining",
    "Loss on general data after fine-tuning, midtraining minus continued pretraining, paired by seed.",
    continuedEffects(config, all, false),
  );
}

/** Grid arms of the weight that most starts have, by start. */
function sameWeight(all: StudyMeasurements): ArmRow[] {
  const groups = [...Map.groupBy(gridArms(all), ({ weight }) => weight).values()];
  const largest = groups.sort((a, b) => b.length - a.length)[0] ?? [];
  return [...largest].sort((a, b) => a.start - b.start);
}

function targetOf({ matched }: StudyReportConfig, arms: readonly ArmRow[]): string | undefined {
  return matched.find(({ specialised }) => specialised === arms[0]?.specialised)?.target;
}

function earlierIsBetter(config: StudyReportConfig, all: StudyMeasurements): Finding {
  const finding = "Code that comes in earlier helps more";
  const rule =
    "Arms of one weight. Supported when the earliest start is below the latest (interval of the paired difference) " +
    "and loss rises with the start (Spearman's rho above 0), not supported when the earliest is above the latest, " +
    "undecided otherwise.";
  const arms = sameWeight(all);
  const target = targetOf(config, arms);
  const [first, last] = [arms[0], arms.at(-1)];
  if (!target || arms.length < 3) return { finding, rule, verdict: "not measured", numbers: "" };
  const effect = differenceBetween(all, [first.arm, last!.arm], target, target);
  const losses = arms.map(({ arm }) => findComparison(all, arm, target, target)?.loss_after ?? NaN);
  const { r } = spearman(arms.map(({ start }) => start), losses);
  const by_start = arms.map(({ start }, i) => `${percent(start)}: ${decimals(losses[i])}`);
  const numbers = `loss by start ${list(by_start)}; rho = ${decimals(r, 2)}` +
    (effect ? `; ${formatEffect(effect)}` : "");
  const verdict = !effect
    ? "not measured"
    : effect.ci_high < 0 && r > 0
    ? "supported"
    : effect.ci_low > 0
    ? "not supported"
    : "undecided";
  return { finding, rule, verdict, numbers };
}

function startAndWeight(config: StudyReportConfig, all: StudyMeasurements): Finding {
  const finding = "Early starts bear high weights, late ones want low weights";
  const rule =
    "At the earliest and the latest start with three weights or more. Supported when the best weight is higher at the " +
    "early start, and at one of the two starts better than the other's (interval of the paired difference), not " +
    "supported when it is lower with such an interval, undecided otherwise.";
  const arms = gridArms(all);
  const target = targetOf(config, arms);
  const starts = [...Map.groupBy(arms, ({ start }) => start)]
    .filter(([, group]) => group.length > 2).sort(([a], [b]) => a - b);
  if (!target || starts.length < 2) return { finding, rule, verdict: "not measured", numbers: "" };
  const loss = ({ arm }: ArmRow) => findComparison(all, arm, target, target)?.loss_after ?? NaN;
  const best = (group: ArmRow[]) => group.reduce((a, b) => loss(b) < loss(a) ? b : a);
  const groups = [starts[0][1], starts.at(-1)![1]];
  const [early, late] = groups.map(best);
  const numbers = [early, late].map(({ start, weight }) => {
    return `best weight from ${percent(start)}: ${percent(weight)}`;
  }).join("; ");
  const separable = groups.some((group, i) => {
    const other = group.find(({ weight }) => weight === [late, early][i].weight);
    const effect = other &&
      differenceBetween(all, [[early, late][i].arm, other.arm], target, target);
    return effect !== undefined && effect.ci_high < 0;
  });
  if (early.weight === late.weight || !separable) {
    return { finding, rule, verdict: "undecided", numbers };
  }
  const verdict = early.weight > late.weight ? "supported" : "not supported";
  return { finding, rule, verdict, numbers };
}

function forgetting(config: StudyReportConfig, all: StudyMeasurements): Finding {
  return byEffects(
    "A midtrained model forgets less general data in fine-tuning on the matched target",
    "Loss on general data after fine-tuning, arm minus control, paired by seed.",
    matchedEffects(config, all, () => config.general),
  );
}

function alongTheRun(config: StudyReportConfig, all: StudyMeasurements): Finding {
  const stopped = all.arms.filter(({ kind, specialised }) => kind === "along_run" && specialised);
  const target = targetOf(config, stopped);
  const effects = stopped.flatMap(({ arm, label }) => {
    const row = target === undefined ? undefined : findComparison(all, arm, target, target);
    return row && Number.isFinite(row.difference) ? [{ ...row, label }] : [];
  });
  return byEffects(
    "The advantage is there all along the run",
    "Loss on the matched target after fine-tuning checkpoints of the arm, minus the control's at the same step.",
    effects,
  );
}

function representations(_: StudyReportConfig, all: StudyMeasurements): Finding {
  const finding = "Fine-tuning moves the final layer of a midtrained model less";
  const rule =
    "Shift of the final layer in fine-tuning, 1 - CKA, of arm and control on each probe. Supported when every " +
    "interval of the arm lies below the control's, not supported when one lies above, undecided otherwise.";
  const pairs = Object.values(all.shift).flatMap((rows) => {
    const tuned = rows.filter(({ model_a, model_b }) => model_b === `${model_a}_sft`);
    const control = tuned.filter(({ model_a }) => model_a === "control");
    return control.flatMap((of_control) => {
      const of_arm = tuned.find(({ model_a, probe }) => {
        return model_a !== "control" && probe === of_control.probe;
      });
      return of_arm ? [{ of_arm, of_control }] : [];
    });
  });
  const numbers = pairs.map(({ of_arm, of_control }) => {
    return `${labelOf(all, of_arm.model_a)} on ${of_arm.probe}: ${decimals(of_arm.shift)} against ${
      decimals(of_control.shift)
    }`;
  }).join("; ");
  if (pairs.length === 0) return { finding, rule, verdict: "not measured", numbers };
  const below = pairs.every(({ of_arm, of_control }) => of_arm.ci_high < of_control.ci_low);
  const above = pairs.some(({ of_arm, of_control }) => of_arm.ci_low > of_control.ci_high);
  return {
    finding,
    rule,
    verdict: below ? "supported" : above ? "not supported" : "undecided",
    numbers,
  };
}

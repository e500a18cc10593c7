/**
 * The paper's findings, each judged by the measurements. The text of a rule is next to the code that applies it, and is
 * shown in the report.
 *
 * @module
 */
import { isAbove, isBelow, spearman } from "@causeway/core/analysis";
import { decimals, interval, list, percent } from "@causeway/core/report";
import {
  contrast,
  differenceBetween,
  type Effect,
  findComparison,
  gridArms,
  isCompared,
  labelOf,
  mainArm,
  matchedEffects,
  matchedTarget,
  weightsByStart,
} from "./effects.ts";
import type { StudyMeasurements, StudyReportConfig } from "./inputs.ts";
import { byEffects, type Finding, formatEffect, type Judge } from "./verdict.ts";

/** In the paper's order. */
export const FINDINGS: readonly Judge[] = [
  inDomain,
  inDistantDomains,
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

function inDomain(config: StudyReportConfig, all: StudyMeasurements): Finding {
  return byEffects(
    "Midtraining on a domain lowers the loss after fine-tuning on that domain",
    "Loss on the matched target, arm − control, paired by seed, for every mixture.",
    matchedEffects(config, all, (target) => target),
  );
}

function inDistantDomains(config: StudyReportConfig, all: StudyMeasurements): Finding {
  const { distant } = config;
  const far = matchedEffects(config, all, (target) => target)
    .filter(({ specialised }) => distant.includes(specialised));
  return byEffects(
    `Midtraining lowers the loss on domains far from general data${
      distant.length > 0 ? `: ${list(distant)}` : ""
    }`,
    "Loss on the matched target, arm − control, paired by seed, for sources far from general data.",
    far,
  );
}

function mostForDistant(config: StudyReportConfig, all: StudyMeasurements): Finding {
  const finding = "The gain is largest for domains far from general data";
  const rule =
    "Improvement relative to the control on the matched target. Supported if the intervals of all far sources are above " +
    "those of all other sources, not supported if the interval of another source is above those of all far ones, " +
    "otherwise undecided.";
  const effects = matchedEffects(config, all, (target) => target).map((effect) => {
    const [ci_low, ci_high] = [effect.ci_high, effect.ci_low]
      .map((bound) => bound === null ? null : -bound / effect.reference_loss);
    return { ...effect, ci_low, ci_high };
  });
  const numbers = effects.map(({ label, relative, ci_low, ci_high }) => {
    return `${label}: ${percent(relative)} ${interval(ci_low, ci_high, percent)}`;
  });
  const [far, near] = [true, false].map((distant) =>
    effects.filter(({ specialised }) => config.distant.includes(specialised) === distant)
  );
  if (far.length === 0 || near.length === 0) {
    return { finding, rule, verdict: "not measured", numbers };
  }
  const all_above = far.every((a) => near.every((b) => isAbove(a, b.ci_high)));
  const one_above = near.some((b) => far.every((a) => isAbove(b, a.ci_high)));
  const verdict = all_above ? "supported" : one_above ? "not supported" : "undecided";
  return { finding, rule, verdict, numbers };
}

function bridge(_: StudyReportConfig, { correlation }: StudyMeasurements): Finding {
  const finding = "The closer a mixture brings training to the target, the more it helps";
  const rule =
    "Pearson's r of proximity advantage and relative improvement over arms and targets, with the default options. " +
    "Supported if its interval is above 0, not supported if it is below 0, otherwise undecided.";
  const row = correlation.find(({ is_default }) => Boolean(is_default));
  if (!row) return { finding, rule, verdict: "not measured", numbers: [] };
  const [r, low, high] = [row.r, row.ci_low, row.ci_high].map((value) => decimals(value, 2));
  const numbers = [`r = ${r} [${low}, ${high}], p = ${decimals(row.p, 4)}, n = ${row.n}`];
  const others = correlation.flatMap((other) => other !== row && other.r !== null ? other.r : []);
  if (others.length > 0) {
    const [from, to] = [Math.min(...others), Math.max(...others)].map((r) => decimals(r, 2));
    numbers.push(`r from ${from} to ${to} with other options (${others.length})`);
  }
  const verdict = isAbove(row, 0) ? "supported" : isBelow(row, 0) ? "not supported" : "undecided";
  return { finding, rule, verdict, numbers };
}

/** Main arm − continued pretraining on the same source. */
function continuedEffects(
  config: StudyReportConfig,
  all: StudyMeasurements,
  sourceOf: (target: string) => string,
): Effect[] {
  return all.arms.filter(({ kind }) => kind === "continued").flatMap((arm) => {
    const main = mainArm(all, arm.specialised);
    const target = matchedTarget(config, arm);
    if (!main || !target) return [];
    return differenceBetween(all, [main.arm, arm.arm], target, sourceOf(target)) ?? [];
  });
}

function againstContinuedInDomain(config: StudyReportConfig, all: StudyMeasurements): Finding {
  return byEffects(
    "Midtraining beats continued pretraining on specialised data alone, in domain",
    "Loss on the matched target after fine-tuning, midtraining − continued pretraining, paired by seed.",
    continuedEffects(config, all, (target) => target),
  );
}

function againstContinuedGeneral(config: StudyReportConfig, all: StudyMeasurements): Finding {
  return byEffects(
    "Midtraining forgets less than continued pretraining",
    "Loss on general data after fine-tuning, midtraining − continued pretraining, paired by seed.",
    continuedEffects(config, all, () => config.general),
  );
}

const LEAST_STARTS = 4;

function earlierIsBetter(config: StudyReportConfig, all: StudyMeasurements): Finding {
  const finding = "Specialised data helps more the earlier it is added";
  const rule =
    `Arms with the weight that has most starts (at least ${LEAST_STARTS}), on the matched target. Supported if the loss ` +
    "of the earliest start is below that of the latest (interval of the paired difference) and loss rises with the start " +
    "(Spearman's rho above 0), not supported if it is above and rho is below 0, otherwise undecided.";
  const target = matchedTarget(config, gridArms(all)[0]);
  const of_weight = [...Map.groupBy(gridArms(all), ({ weight }) => weight).values()]
    .reduce((most, group) => group.length > most.length ? group : most, []);
  const points = of_weight.flatMap(({ arm, start }) => {
    const row = target && findComparison(all, arm, target, target);
    return row ? [{ arm, start, loss: row.loss_after }] : [];
  }).sort((a, b) => a.start - b.start);
  if (!target || points.length < 2) return { finding, rule, verdict: "not measured", numbers: [] };
  const { r } = spearman(points.map(({ start }) => start), points.map(({ loss }) => loss));
  const [first, last] = [points[0].arm, points.at(-1)!.arm];
  const effect = differenceBetween(all, [first, last], target, target);
  const numbers = [
    ...points.map(({ start, loss }) => `from ${percent(start)}: ${decimals(loss)}`),
    `rho = ${decimals(r, 2)} over ${points.length} starts`,
    ...(effect ? [formatEffect(effect)] : []),
  ];
  if (!effect || points.length < LEAST_STARTS) {
    return { finding, rule, verdict: "undecided", numbers };
  }
  const [rises, falls] = r === null ? [false, false] : [r > 0, r < 0];
  const better = isBelow(effect, 0) && rises;
  const worse = isAbove(effect, 0) && falls;
  const verdict = better ? "supported" : worse ? "not supported" : "undecided";
  return { finding, rule, verdict, numbers };
}

function startAndWeight(config: StudyReportConfig, all: StudyMeasurements): Finding {
  const finding = "High weights work best with an early start, low weights with a late one";
  const rule =
    "The earliest and the latest start with several weights, over the weights that both have. Interaction: loss at the " +
    "highest weight − loss at the lowest, at the early start, minus the same at the late start, paired by seed. Supported " +
    "if its interval is below 0 and the best weight is higher at the early start, not supported if it is above 0 and the " +
    "best weight is not higher, otherwise undecided.";
  const target = matchedTarget(config, gridArms(all)[0]);
  const grid = target ? weightsByStart(all, target) : undefined;
  if (!target || !grid) return { finding, rule, verdict: "not measured", numbers: [] };
  const [early, late] = grid.map(({ arms }) => arms);
  const best = grid.map(({ arms }) => arms.reduce((a, b) => b.loss < a.loss ? b : a));
  const interaction = contrast(
    all,
    {
      label: "interaction",
      plus: [early.at(-1)!.arm, late[0].arm],
      minus: [early[0].arm, late.at(-1)!.arm],
    },
    target,
    target,
  );
  const numbers = [
    ...grid.map(({ start }, i) => {
      return `from ${percent(start)}: best at ${percent(best[i].weight)} (${
        decimals(best[i].loss)
      })`;
    }),
    ...(interaction ? [formatEffect(interaction)] : []),
  ];
  const higher = best[0].weight > best[1].weight;
  const verdict = interaction === undefined
    ? "undecided"
    : isBelow(interaction, 0) && higher
    ? "supported"
    : isAbove(interaction, 0) && !higher
    ? "not supported"
    : "undecided";
  return { finding, rule, verdict, numbers };
}

function forgetting(config: StudyReportConfig, all: StudyMeasurements): Finding {
  return byEffects(
    "A midtrained model has a lower general loss after fine-tuning on the matched target",
    "Loss on general data after fine-tuning, arm − control, paired by seed.",
    matchedEffects(config, all, () => config.general),
  );
}

function alongTheRun(config: StudyReportConfig, all: StudyMeasurements): Finding {
  const effects = all.arms.filter(({ kind, start, end, specialised }) => {
    return kind === "along_run" && specialised !== "" && end > start;
  }).flatMap((arm) => {
    const target = matchedTarget(config, arm);
    const row = target === undefined ? undefined : findComparison(all, arm.arm, target, target);
    return isCompared(row) ? [{ ...row, label: arm.label }] : [];
  });
  return byEffects(
    "The advantage exists at every point of the run",
    "Loss on the matched target after fine-tuning checkpoints of the arm, arm − control at the same step.",
    effects,
  );
}

function representations(_: StudyReportConfig, all: StudyMeasurements): Finding {
  const finding = "Fine-tuning moves the final layer of a midtrained model less";
  const rule =
    "Shift of the final layer by fine-tuning (1 - CKA), of arm and control, on each probe. Supported if every interval of " +
    "the arm is below the control's, not supported if one is above, otherwise undecided.";
  const controls = all.arms.filter(({ kind }) => kind === "control").map(({ arm }) => arm);
  const pairs = Object.values(all.shift).flatMap((rows) => {
    const tuned = rows.filter(({ model_a, model_b }) => model_b === `${model_a}_sft`);
    return tuned.filter(({ model_a }) => !controls.includes(model_a)).flatMap((of_arm) => {
      const of_control = tuned.find(({ model_a, probe }) => {
        return controls.includes(model_a) && probe === of_arm.probe;
      });
      return of_control ? [{ of_arm, of_control }] : [];
    });
  });
  const numbers = pairs.map(({ of_arm, of_control }) => {
    const [own, other] = [of_arm, of_control].map(({ shift, ci_low, ci_high }) => {
      return `${decimals(shift)} ${interval(ci_low, ci_high)}`;
    });
    return `${labelOf(all, of_arm.model_a)} on ${of_arm.probe}: ${own}, control ${other}`;
  });
  if (pairs.length === 0) return { finding, rule, verdict: "not measured", numbers };
  const below = pairs.every(({ of_arm, of_control }) => isBelow(of_arm, of_control.ci_low));
  const above = pairs.some(({ of_arm, of_control }) => isAbove(of_arm, of_control.ci_high));
  const verdict = below ? "supported" : above ? "not supported" : "undecided";
  return { finding, rule, verdict, numbers };
}

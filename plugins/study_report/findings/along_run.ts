/**
 * Fine-tuning along the run: gains in domain come at once, retention after about 20k of 61k steps (v1, Figure 4).
 *
 * @module
 */
import { findComparison, matchedTarget, targetLabel } from "../effects.ts";
import { type Effect, effectOf } from "../contrasts.ts";
import type { ArmRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { PAPER_STEPS } from "../paper/tables.ts";
import { byEffects, conclude, type Finding, judge, sideOf } from "../verdict.ts";

/** Share of the run after which the paper sees better retention: 20k of 61,035 steps. */
const RETENTION_FROM = 20_000 / PAPER_STEPS;
/** Checkpoints at "a third of the run" are after it. */
const ROUNDING = 0.01;

interface Point {
  readonly end: number;
  readonly effect: Effect;
}

/** Checkpoints after the arm's start, and its end, in order. */
function alongRun(
  config: StudyReportConfig,
  all: StudyMeasurements,
  sourceOf: (target: string) => string,
): { points: Point[]; target: string; arm: ArmRow } | undefined {
  const stopped = all.arms.filter(({ kind, start, end, specialised }) => {
    return kind === "along_run" && specialised !== "" && end > start;
  });
  const target = matchedTarget(config, stopped[0]);
  if (target === undefined) return undefined;
  const points = stopped.toSorted((a, b) => a.end - b.end).flatMap((arm) => {
    const row = findComparison(all, arm.arm, target, sourceOf(target));
    const effect = effectOf(arm.label, row);
    return effect ? [{ end: arm.end, effect }] : [];
  });
  return { points, target, arm: stopped[0] };
}

/** Whether every checkpoint has a gain in domain, the first included. */
export function gainsAtOnce(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const along = alongRun(config, all, (target) => target);
  const claim = {
    id: "gains_at_once",
    from: "v1",
    finding: "Along the run, gains in domain come at once and stay",
    rule:
      "Loss on the matched target after fine-tuning checkpoints of the arm after its start, arm − control at the same step.",
  };
  const effects = along?.points.map(({ effect }) => effect) ?? [];
  return [
    byEffects(claim, all, effects, along ? [{ target: along.target, source: along.target }] : []),
  ];
}

/** Whether checkpoints retain more from a third of the run on, and not before. */
export function retentionComesLater(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  const { general } = config;
  const along = alongRun(config, all, () => general);
  const claim = {
    id: "retention_later",
    from: "v1",
    finding: `Along the run, better retention of ${general} comes later, after a third of it${
      along ? ` (${targetLabel(config, along.target)})` : ""
    }`,
    rule:
      `Loss on ${general} after fine-tuning checkpoints on the matched target, arm − control at the same step. Supported if ` +
      "every interval from a third of the run on (20k of 61k steps) is below 0 and none before it is; not supported if one " +
      "from there on is above 0, or all before it are below 0; otherwise undecided.",
  };
  const points = along?.points ?? [];
  const late = points.filter(({ end }) => end >= RETENTION_FROM - ROUNDING);
  const early = points.filter((point) => !late.includes(point));
  const after = judge(late.map(({ effect }) => effect));
  const at_once = early.length > 0 && early.every(({ effect }) => sideOf(effect) < 0);
  const none_before = early.every(({ effect }) => sideOf(effect) >= 0);
  const verdict = after === "supported" && at_once
    ? "not supported"
    : after === "supported" && !none_before
    ? "undecided"
    : after;
  return [conclude(claim, all, {
    verdict,
    effects: points.map(({ effect }) => effect),
    numbers: along && early.length === 0 ? ["no checkpoint before a third of the run"] : [],
    on: along ? [{ target: along.target, source: general }] : [],
  })];
}

/**
 * What a verdict is, and how intervals of differences decide it.
 *
 * @module
 */
import { isAbove, isBelow } from "@causeway/core/analysis";
import type { Effect } from "./effects.ts";
import type { StudyMeasurements, StudyReportConfig } from "./inputs.ts";
import { effectCell } from "./tables.ts";

export type Verdict = "supported" | "not supported" | "undecided" | "not measured";

export interface Finding {
  /** The paper's finding, in a sentence. */
  readonly finding: string;
  /** How the verdict is decided. */
  readonly rule: string;
  readonly verdict: Verdict;
  /** The numbers behind the verdict, one line each. */
  readonly numbers: readonly string[];
}

/** Judges one finding by the measurements. */
export type Judge = (config: StudyReportConfig, all: StudyMeasurements) => Finding;

/**
 * The verdict on differences that are negative if the finding holds. A difference whose interval includes 0, or that has
 * no interval, never decides it.
 */
export function judge(effects: readonly Pick<Effect, "ci_low" | "ci_high">[]): Verdict {
  if (effects.length === 0) return "not measured";
  if (effects.every((effect) => isBelow(effect, 0))) return "supported";
  return effects.some((effect) => isAbove(effect, 0)) ? "not supported" : "undecided";
}

const SHARED_RULE =
  "Supported if every interval is below 0, not supported if one is above 0, otherwise undecided.";

/** A finding that is decided by differences. */
export function byEffects(finding: string, rule: string, effects: readonly Effect[]): Finding {
  const numbers = effects.map(formatEffect);
  return { finding, rule: `${rule} ${SHARED_RULE}`, verdict: judge(effects), numbers };
}

/** "math − control: -0.034 [-0.051, -0.017]". */
export function formatEffect(effect: Effect): string {
  return `${effect.label}: ${effectCell(effect)}`;
}

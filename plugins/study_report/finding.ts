/**
 * What a verdict is, and how intervals of differences decide it.
 *
 * @module
 */
import { signed } from "../../core/report/mod.ts";
import type { StudyReportConfig } from "./config.ts";
import type { Effect } from "./effects.ts";
import type { StudyMeasurements } from "./read.ts";

export type Verdict = "supported" | "not supported" | "undecided" | "not measured";

export interface Finding {
  /** What the paper found, in a sentence. */
  readonly finding: string;
  /** How the verdict is reached. */
  readonly rule: string;
  readonly verdict: Verdict;
  /** What the verdict was reached from, a line each. */
  readonly numbers: readonly string[];
}

/** What the measurements say of one finding. */
export type Judge = (config: StudyReportConfig, all: StudyMeasurements) => Finding;

/**
 * The verdict on differences that are below 0 where the finding holds. It never goes by a difference whose interval
 * includes 0, nor by one without an interval.
 */
export function judge(effects: readonly Pick<Effect, "ci_low" | "ci_high">[]): Verdict {
  if (effects.length === 0) return "not measured";
  if (effects.every(({ ci_high }) => ci_high < 0)) return "supported";
  return effects.some(({ ci_low }) => ci_low > 0) ? "not supported" : "undecided";
}

const SHARED_RULE =
  "Supported when every interval lies below 0, not supported when one lies above 0, undecided otherwise.";

/** A finding that differences decide. */
export function byEffects(finding: string, rule: string, effects: readonly Effect[]): Finding {
  const numbers = effects.map(formatEffect);
  return { finding, rule: `${rule} ${SHARED_RULE}`, verdict: judge(effects), numbers };
}

/** "math - control: -0.034 [-0.051, -0.017]". */
export function formatEffect({ label, difference, ci_low, ci_high }: Effect): string {
  const interval = Number.isFinite(ci_low) ? ` [${signed(ci_low)}, ${signed(ci_high)}]` : "";
  return `${label}: ${signed(difference)}${interval}`;
}

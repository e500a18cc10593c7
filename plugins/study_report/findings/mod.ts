/**
 * The paper's findings, in its terms, each judged by the measurements. The text of a rule is next to the code that applies
 * it, and is shown in the report.
 *
 * @module
 */
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import type { Finding, Judge } from "../verdict.ts";
import { gainsAtOnce, retentionComesLater } from "./along_run.ts";
import { bridge } from "./bridge.ts";
import { continuedInDomain, continuedRetention } from "./continued.ts";
import { inDomain, largestForDistant, mismatchedGainLess, ownMixtureIsBest } from "./domains.ts";
import { representations } from "./representations.ts";
import { retention } from "./retention.ts";
import { earlyAtEqualTokens, earlyBeatsLate, startAndWeight, timingOverWeight } from "./timing.ts";

/** In the paper's order. */
export const JUDGES: readonly Judge[] = [
  inDomain,
  ownMixtureIsBest,
  largestForDistant,
  mismatchedGainLess,
  bridge,
  retention,
  continuedInDomain,
  continuedRetention,
  timingOverWeight,
  earlyBeatsLate,
  earlyAtEqualTokens,
  startAndWeight,
  gainsAtOnce,
  retentionComesLater,
  representations,
];

/** All findings, judged. */
export function judgeAll(config: StudyReportConfig, all: StudyMeasurements): Finding[] {
  return JUDGES.flatMap((judge) => judge(config, all));
}

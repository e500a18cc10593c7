/**
 * What a verdict is, and how intervals of differences decide it.
 *
 * @module
 */
import { isAbove, isBelow } from "@causeway/core/analysis";
import { count, interval, percent, signed } from "@causeway/core/report";
import type { Effect, EffectUnit } from "./contrasts.ts";
import type { StudyMeasurements, StudyReportConfig } from "./inputs.ts";

export type Verdict =
  | "supported"
  | "not supported"
  | "undecided"
  | "not measured"
  | "not testable here";

/** What the paper says, and how it is judged. */
export interface Claim {
  /** snake_case; unique together with `specialised`. */
  readonly id: string;
  /** The source that it is about, where each source is judged apart. */
  readonly specialised?: string;
  /** Version of the paper: "v1", "v2", or "here" for what the paper leaves open. */
  readonly from: string;
  /** The finding, in a sentence. */
  readonly finding: string;
  /** How the verdict is decided. */
  readonly rule: string;
}

export interface Finding extends Claim {
  readonly verdict: Verdict;
  /** The numbers behind the verdict, one line each. */
  readonly numbers: readonly string[];
  /** Largest of the smallest differences that the design could have found, one for each difference; null if unknown. */
  readonly detectable: number | null;
  readonly unit: EffectUnit;
  /** What limits the verdict; empty if nothing does. */
  readonly note: string;
}

/** Judges findings by the measurements; one rule may judge several, such as code and math apart. */
export type Judge = (config: StudyReportConfig, all: StudyMeasurements) => Finding[];

/** A finding needs more held-out tokens than this of every source that it rests on. */
export const LEAST_TOKENS = 40_960;

/**
 * The side of 0 that an effect is on: -1, 1, or 0 if its interval includes 0 or it has none. Published means have no
 * intervals; their sign decides.
 */
export function sideOf(effect: Pick<Effect, "difference" | "ci_low" | "ci_high" | "replication">) {
  if (effect.replication === "means") return Math.sign(effect.difference);
  return isBelow(effect, 0) ? -1 : isAbove(effect, 0) ? 1 : 0;
}

/** The verdict on effects that are all negative if the finding holds. */
export function judge(effects: readonly Parameters<typeof sideOf>[0][]): Verdict {
  if (effects.length === 0) return "not measured";
  if (effects.every((effect) => sideOf(effect) < 0)) return "supported";
  return effects.some((effect) => sideOf(effect) > 0) ? "not supported" : "undecided";
}

/** The rule of findings that do not say more. */
export const SHARED_RULE =
  "Unless its rule says more, a finding is supported if every interval is below 0, not supported if one is above 0, " +
  "otherwise undecided.";

/** What a verdict rests on. */
export interface Grounds {
  readonly verdict: Verdict;
  readonly effects: readonly Effect[];
  /** Lines besides those of the effects; they replace them if `only` is set. */
  readonly numbers?: readonly string[];
  /** Held-out sources that the verdict rests on, each after fine-tuning on a target. */
  readonly on: readonly { readonly target: string; readonly source: string }[];
}

/** Makes a finding of a claim and its grounds: too few held-out tokens of a source make it "not testable here". */
export function conclude(
  claim: Claim,
  all: StudyMeasurements,
  { verdict, effects, numbers = [], on }: Grounds,
): Finding {
  const small = verdict === "not measured" ? undefined : smallestSource(all, on);
  const once = effects.some(({ replication }) => replication === "seeds");
  const limits = [
    small && `${small.source} has ${count(small.source_tokens)} held-out tokens; a finding needs ` +
      `more than ${count(LEAST_TOKENS)}`,
    once && "one trunk: nothing is known about training noise",
  ].filter(Boolean);
  const known = effects.flatMap(({ detectable }) => detectable ?? []);
  return {
    ...claim,
    verdict: small ? "not testable here" : verdict,
    numbers: [...effects.map(formatEffect), ...numbers],
    detectable: known.length > 0 ? Math.max(...known) : null,
    unit: effects[0]?.unit ?? "nats",
    note: limits.join("; "),
  };
}

/** A finding that is decided by differences, all of them negative if it holds. */
export function byEffects(
  claim: Claim,
  all: StudyMeasurements,
  effects: readonly Effect[],
  on: Grounds["on"],
): Finding {
  return conclude(claim, all, { verdict: judge(effects), effects, on });
}

/** The source with the fewest held-out tokens, if they are too few. */
function smallestSource({ comparison }: StudyMeasurements, on: Grounds["on"]) {
  const rows = comparison.filter((row) => {
    return on.some(({ target, source }) => row.target === target && row.source === source);
  });
  const least = rows.reduce<typeof rows[number] | undefined>(
    (a, b) => a && a.source_tokens <= b.source_tokens ? a : b,
    undefined,
  );
  return least && least.source_tokens <= LEAST_TOKENS ? least : undefined;
}

/** "math − control: -0.034 [-0.051, -0.017]". */
export function formatEffect(effect: Effect): string {
  const { label, difference, ci_low, ci_high, with_documents, unit } = effect;
  const format = (value: number | null) => amount(value, unit);
  const both = with_documents &&
    `, with documents ${interval(with_documents.ci_low, with_documents.ci_high, format)}`;
  return `${label}: ${format(difference)} ${interval(ci_low, ci_high, format)}`.trim() +
    (both ?? "");
}

/** A signed number in the unit of an effect. */
export function amount(value: number | null, unit: EffectUnit): string {
  if (unit === "share") return value !== null && value > 0 ? `+${percent(value)}` : percent(value);
  return signed(value, unit === "nats" ? 3 : 5);
}

/**
 * A recommendation as text: what was compared, how candidates rank, which starts and weights they allow, and how good
 * the evidence is.
 *
 * @module
 */
import {
  type Candidate,
  type Estimate,
  FEWEST_TARGET_DOCUMENTS,
  type Plan,
  type Ranking,
} from "../../analysis/mod.ts";
import { formatTable } from "../shared/console.ts";
import { counted, formatNumber } from "../../words/mod.ts";
import { type Data, GENERAL, type Holding, TARGET } from "./data.ts";
import type { Evidence } from "./evidence.ts";

/** Everything in a recommendation. */
export interface Recommendation {
  /** The target as it was named. */
  readonly target: string;
  readonly data: Data;
  readonly ranking: Ranking;
  /** Weight at which candidates are ranked. */
  readonly rank_at: number;
  /** Tokens of the whole run, if they were given. */
  readonly horizon_tokens?: number;
  /** Starts and weights of the first candidate, and of those not significantly behind it. */
  readonly plans: Readonly<Record<string, readonly Plan[]>>;
  readonly evidence?: Evidence;
}

/** The first candidate, and those that other documents could have put first. */
export function leadersOf({ candidates }: Ranking): readonly Candidate[] {
  return candidates.filter(({ undecided }, i) => i === 0 || undecided);
}

const percent = (share: number) => `${Number((100 * share).toFixed(share < 0.1 ? 1 : 0))}%`;
const interval = ({ ci_low, ci_high }: Pick<Estimate, "ci_low" | "ci_high">, digits = 3) =>
  ci_low === null || ci_high === null
    ? "no interval"
    : `${ci_low.toFixed(digits)} to ${ci_high.toFixed(digits)}`;
const signed = (value: number) => `${value < 0 ? "" : "+"}${value.toFixed(3)}`;

/** The whole text. */
export function renderRecommendation(recommendation: Recommendation): string {
  const sections = [renderData, renderCandidates, renderVerdict, renderPlans, renderEvidence];
  return sections.map((render) => render(recommendation)).join("\n\n");
}

function renderData({ target, data, ranking }: Recommendation): string {
  const { holdings, left_out, overlaps } = data;
  const base = ranking.similarity_general;
  return [
    `target   ${target}: ${describeHolding(holdings.get(TARGET)!)}`,
    `general  ${describeHolding(holdings.get(GENERAL)!)}, similarity to the target ` +
    `${base.value.toFixed(3)} (${interval(base)})`,
    ...Object.entries(overlaps).map(([name, { documents, share, same_data }]) =>
      `overlap  ${name}: ${formatNumber(documents)} of the target's documents (${
        percent(share)
      }) are ` +
      `also in it${same_data ? "; it is read from the target's own data" : ""}`
    ),
    ...Object.entries(left_out).map(([name, why]) => `left out ${name}: ${why}`),
  ].join("\n");
}

function describeHolding({ documents, tokens, complete }: Holding): string {
  return `${counted(documents, "document")}, ${formatTokens(tokens, complete)} tokens`;
}

/** Where there may be more than was read, it is a lower bound. */
function formatTokens(tokens: number, complete: boolean): string {
  return `${complete ? "" : "≥ "}${formatNumber(Math.round(tokens))}`;
}

function renderCandidates({ data, ranking, rank_at }: Recommendation): string {
  const { candidates } = ranking;
  const weights = candidates[0].mixtures.map(({ weight }) => percent(weight));
  const rows = candidates.map(({ source, mixtures }, i) => {
    const { advantage } = mixtures.find(({ weight }) => weight === rank_at)!;
    const { tokens, complete } = data.holdings.get(source)!;
    return [
      String(i + 1),
      source,
      signed(advantage.value),
      interval(advantage),
      ...mixtures.map(({ similarity }) => similarity.value.toFixed(3)),
      formatTokens(tokens, complete),
    ];
  });
  const headings = ["", "source", "advantage", "95% interval", ...weights, "tokens"];
  const title =
    `Proximity advantage of a mixture with ${percent(rank_at)} of each candidate, and ` +
    "similarity to the target by weight";
  return `${title}\n\n${formatTable(headings, rows, headings.filter((h) => h !== "source"))}`;
}

/** Above this share of the target's documents, a candidate's similarity is that of the target with itself. */
const MOST_OVERLAP = 0.01;

function renderVerdict({ ranking, rank_at, data }: Recommendation): string {
  const { documents } = data.holdings.get(TARGET)!;
  if (documents < FEWEST_TARGET_DOCUMENTS) {
    return `Undecided: the target has ${
      counted(documents, "document")
    }, and with fewer than ${FEWEST_TARGET_DOCUMENTS} the order may be chance, whatever the intervals say.`;
  }
  const [first, ...others] = leadersOf(ranking);
  const own = [first, ...others].map(({ source }) => source).filter((source) => {
    const overlap = data.overlaps[source];
    return overlap && (overlap.same_data || overlap.share > MOST_OVERLAP);
  });
  if (own.length > 0) {
    return `Undecided: ${own.join(", ")} ${
      own.length === 1 ? "has" : "have"
    } documents of the target, so the ` +
      "similarity is partly that of the target with itself; leave them out of the candidate, or give " +
      "a target that is not among the candidates.";
  }
  const { advantage } = first.mixtures.find(({ weight }) => weight === rank_at)!;
  if (advantage.ci_low === null) {
    return "Without resamples (--bootstrap 0) there are no intervals: the order may be chance.";
  }
  if (advantage.ci_low <= 0) {
    const by = `${signed(advantage.value)}, ${interval(advantage)}`;
    return "No candidate is significantly closer to the target than general data (the first, " +
      `${first.source}, by ${by}): this gives no reason to midtrain on any of them.`;
  }
  if (others.length > 0) {
    const names = others.map(({ source }) => source).join(", ");
    return `Undecided between ${first.source} and ${names}: other documents could change the order.`;
  }
  const second = ranking.candidates[1];
  if (!second) return `First: ${first.source}.`;
  const { source, behind } = second;
  return `First: ${first.source}, ahead of ${source} by ${behind.value.toFixed(3)} (${
    interval(behind)
  }).`;
}

function renderPlans({ plans, horizon_tokens, data }: Recommendation): string {
  if (horizon_tokens === undefined) {
    return "Starts and weights depend on the length of the run: set --horizon-tokens.";
  }
  const tables = Object.entries(plans).map(([source, rows]) => {
    const { complete } = data.holdings.get(source)!;
    const cells = rows.map(({ start, lasts, weight, tokens }) => [
      percent(start),
      `${complete || lasts === 1 ? "" : "≥ "}${percent(lasts)}`,
      weight === undefined ? "none" : percent(weight),
      tokens === undefined ? "" : formatNumber(Math.round(tokens)),
    ]);
    const headings = ["start", "lasts up to", "weight", "tokens"];
    const title = `${source}, over ${formatNumber(horizon_tokens)} tokens`;
    return `${title}\n${formatTable(headings, cells, headings)}`;
  });
  const title = "Starts, with the largest weight that repeats no data " +
    '("lasts up to") and is at most 1 - start';
  return [title, ...tables].join("\n\n");
}

function renderEvidence(recommendation: Recommendation): string {
  const lines = [
    "Similarity of unigram frequencies, at most 10,000 documents per set. Intervals show what other documents " +
    "would change, not how well similarity predicts the gain.",
    "The paper found gains to rise with proximity advantage over five midtraining mixtures and four targets, with " +
    "models of 70M to 410M parameters. The mixtures were not designed to test this, and 20 pairs that share " +
    "data are few: it shows which candidate to try first, not how much it will gain.",
    "Start and weight were studied on code alone: early introduction tolerates high weights, late introduction needs " +
    "low ones. The bound 1 - start follows that direction; it is a rule of thumb.",
    ...renderStudy(recommendation),
  ];
  return `Limits of the evidence\n${lines.map((line) => `- ${line}`).join("\n")}`;
}

function renderStudy({ evidence, ranking, rank_at }: Recommendation): string[] {
  if (evidence === undefined) {
    return ["No study of your own was given; with --evidence, its correlation predicts the gain."];
  }
  const { from, correlation, resampled, predict, lowest, highest } = evidence;
  const { n, r, p } = correlation;
  const second = resampled.ci_low === null
    ? ""
    : `; resampling arms and trunks ${interval(resampled, 2)}`;
  const found =
    `Your study (${from}): r = ${r.toFixed(2)} (${interval(correlation, 2)}${second}), p = ` +
    `${p.toPrecision(2)}, over ${n} pairs`;
  if (!predict) return [`${found}. The correlation may be zero, so no gain is predicted.`];
  const predicted = leadersOf(ranking).map(({ source, mixtures }) => {
    const { value } = mixtures.find(({ weight }) => weight === rank_at)!.advantage;
    const { value: gain, ci_low, ci_high } = predict(value);
    const outside = value < lowest || value > highest ? ", outside its range" : "";
    return `${source} ${inPercent(gain)} (${inPercent(ci_low)} to ${inPercent(ci_high)}${outside})`;
  });
  return [`${found}. Predicted reduction of the loss: ${predicted.join("; ")}.`];
}

const inPercent = (share: number) => `${(100 * share).toFixed(1)}%`;

/**
 * Sentences made from the numbers. All arms are treated alike: better or worse follows from the values alone.
 *
 * @module
 */
import { decimals, list, percent, signed } from "@causeway/core/report";
import type { MixtureRow, ReportConfig, SimilarityRow } from "./inputs.ts";
import type { ArmResult, Contrast, Results } from "./results.ts";

/** Smaller differences would be shown as 0.000, and are reported as no difference. */
const SHOWN = 0.0005;

/** The main results: each arm compared with the reference, on the target and on general text. */
export function resultSentences(config: ReportConfig, results: Results): string[] {
  const reference = results.arms[0];
  const sentences = results.contrasts.flatMap((contrast) => {
    const arm = results.arms.find((each) => each.name === contrast.name)!;
    return [
      beforeSentence(config, contrast),
      targetSentence(config.target_source, arm, reference, contrast),
      forgettingSentence(config.general_source, arm, reference, contrast),
    ];
  });
  return results.contrasts.length > 0 ? sentences : results.arms.flatMap((arm) => [
    `${arm.label}: fine-tuning changed the loss on ${config.target_source} by ${
      signed(arm.target.change)
    } nats/token, and the loss on ${config.general_source} by ${signed(arm.general.change)}.`,
  ]);
}

function beforeSentence(
  { target_source, general_source }: ReportConfig,
  { label, reference_label, target_before, general_before }: Contrast,
): string {
  return `Before fine-tuning, the loss difference ${label} − ${reference_label} is ` +
    `${signed(target_before)} nats/token on ${target_source} and ${signed(general_before)} on ` +
    `${general_source} (negative: ${label} is better).`;
}

function targetSentence(
  source: string,
  arm: ArmResult,
  reference: ArmResult,
  { target_after: difference }: Contrast,
): string {
  const after = `After fine-tuning, the loss on ${source} is ${decimals(arm.target.after.loss)} ` +
    `nats/token for ${arm.label} and ${
      decimals(reference.target.after.loss)
    } for ${reference.label}: `;
  if (!Number.isFinite(difference)) return `${after}not comparable.`;
  if (Math.abs(difference) < SHOWN) return `${after}no difference at three decimals.`;
  const [verdict, direction] = difference < 0 ? ["better", "lower"] : ["worse", "higher"];
  // Perplexity is exp(loss), so a difference of losses is a ratio of perplexities.
  const perplexity = percent(Math.abs(Math.expm1(difference)));
  return `${after}${arm.label} is ${verdict} by ${decimals(Math.abs(difference))} nats/token ` +
    `(${perplexity} ${direction} perplexity).`;
}

function forgettingSentence(
  source: string,
  arm: ArmResult,
  reference: ArmResult,
  { forgetting: difference }: Contrast,
): string {
  const changes = `Fine-tuning changed the loss on ${source} by ${signed(arm.general.change)} ` +
    `nats/token for ${arm.label} and by ${
      signed(reference.general.change)
    } for ${reference.label}: `;
  if (!Number.isFinite(difference)) return `${changes}not comparable.`;
  if (Math.abs(difference) < SHOWN) {
    return `${changes}no difference in forgetting at three decimals.`;
  }
  const size = decimals(Math.abs(difference));
  if (arm.general.change <= 0 && reference.general.change <= 0) {
    const more = difference < 0 ? arm : reference;
    return `${changes}no forgetting in either; the loss of ${more.label} fell by ${size} more.`;
  }
  return `${changes}${arm.label} forgot ${size} nats/token ${difference < 0 ? "less" : "more"}.`;
}

/** What was done, and what limits the results. */
export function methodSentences({ target_source, general_source, arms }: ReportConfig): string[] {
  const trained = arms.map(({ label, trained }) => `${label} (${trained.join(", then ")})`);
  const spread = arms.length > 1
    ? "Every arm was trained once, from one seed, so the spread between seeds is unknown: a difference between arms " +
      "may be chance, and only runs with other seeds can show whether it is."
    : "One arm was trained once, from one seed: there is no other arm to compare it with, and the spread between " +
      "seeds is unknown.";
  return [
    `Arms and their training phases: ${
      list(trained)
    }. Each arm was then fine-tuned on the training split of ` +
    `${target_source}. Losses are mean negative log-likelihoods in nats per token on held-out text; perplexity is ` +
    `exp(loss). Target: ${target_source}. Forgetting: loss on ${general_source} after fine-tuning minus before.`,
    spread,
    "The results hold for this model size, token budget and data. Do not extrapolate to larger models or other data " +
    "without a run that confirms it.",
  ];
}

/** The sources by similarity to the target; undefined when the table does not have the target. */
export function similaritySentence(rows: SimilarityRow[], target: string): string | undefined {
  const nearest = new Map<string, number>();
  for (const { a, b, similarity } of rows) {
    if (a === b || !Number.isFinite(similarity)) continue;
    if (a === target) nearest.set(b, similarity);
    if (b === target) nearest.set(a, similarity);
  }
  const order = [...nearest].sort((x, y) => y[1] - x[1] || (x[0] < y[0] ? -1 : 1));
  if (order.length === 0) return undefined;
  const named = order.map(([name, value]) => `${name} (${decimals(value)})`);
  return order.length === 1
    ? `The similarity of ${target} and ${order[0][0]} is ${decimals(order[0][1])}.`
    : `Most similar to ${target}, in order: ${list(named)}.`;
}

/** Which sources were repeated since the run began: repetition would confound the comparison. */
export function repetitionSentence(mixtures: Record<string, MixtureRow[]>): string {
  const repeated = Object.entries(mixtures).flatMap(([phase, rows]) =>
    rows.filter((row) => row.epochs > 1)
      .map((row) => `${row.source} in ${phase} (${decimals(row.epochs, 2)} epochs)`)
  );
  return repeated.length === 0
    ? "No source was repeated within a run."
    : `Sources repeated within a run: ${list(repeated)}.`;
}

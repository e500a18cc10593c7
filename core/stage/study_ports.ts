/**
 * The ports of studies: many arms, fine-tuned on several targets with several seeds, and compared.
 *
 * @module
 */
import { table } from "./ports.ts";

/**
 * What each arm of a study is. `kind` is "control" (general data to the end), "midtrain" (a mixture from `start` on),
 * "ablation" (such a mixture with another weight or start), "continued" (specialised data alone from `start` on),
 * "from_scratch" (a mixture from the first step on) or "along_run" (a checkpoint of another arm's run). `specialised` is
 * the source that the mixture adds, or the name of a group of sources, empty for none, `weight` its share of tokens;
 * `start` and `end` are shares of the horizon. Token counts include everything up to the arm's checkpoint.
 */
export const study_arms = table({
  arm: "utf8",
  label: "utf8",
  kind: "utf8",
  specialised: "utf8",
  weight: "float64",
  start: "float64",
  end: "float64",
  tokens: "float64",
  specialised_tokens: "float64",
}, "the arms of a study");

/**
 * Held-out losses before and after each fine-tuning, one row per run and held-out source, in nats per token; bits per
 * byte as in `evaluation`. `trunk` is the index of the pretraining that the arm branched off, `seed` that of fine-tuning.
 */
export const study_runs = table({
  arm: "utf8",
  target: "utf8",
  trunk: "int32",
  seed: "int32",
  learning_rate: "float64",
  source: "utf8",
  loss_before: "float64",
  loss_after: "float64",
  bits_per_byte_before: "nullable<float64>",
  bits_per_byte_after: "nullable<float64>",
}, "held-out loss before and after each fine-tuning");

/**
 * One row per arm, target and held-out source: losses in nats per token, and the difference from the reference arm.
 *
 * `trunks` independent pretrainings were each fine-tuned with at most `seeds` seeds. `loss_before` and `loss_after` are
 * means over trunks of means over seeds. `sd_after` is the standard deviation over all runs; `sd_trunks` and `sd_seeds` are
 * its two components, between trunks (0 where the estimate is negative) and between the seeds of a trunk. Null where there
 * are too few runs.
 *
 * `difference` is arm - reference after fine-tuning (negative: better): paired by seed within a trunk, then averaged over
 * seeds, then over trunks. `ci_low`, `ci_high` and the two-sided `p` are of Student's t with `df` degrees of freedom.
 * `replication` says over what: "trunks" (`df` = trunks - 1), "seeds" where there is one trunk, so that nothing is known of
 * the variation between pretrainings, or "none", where they are null. `relative_improvement` is -difference / mean of the
 * reference. All of these are null for the reference itself.
 *
 * `se_documents` is the standard error of the difference if other held-out documents had been drawn, as many as there are,
 * and `ci_documents_low` to `ci_documents_high` the interval with both sources of variation (Satterthwaite's degrees of
 * freedom; never narrower than with one of them). Null where the losses of documents are unknown. `detectable` is the
 * smallest absolute difference that the test of `p`, at 5%, finds with a probability of 80%. `source_tokens` is the number
 * of held-out tokens the source was measured on.
 */
export const study_comparison = table({
  arm: "utf8",
  target: "utf8",
  source: "utf8",
  reference: "utf8",
  trunks: "int32",
  seeds: "int32",
  replication: "utf8",
  source_tokens: "float64",
  loss_before: "float64",
  loss_after: "float64",
  sd_after: "nullable<float64>",
  sd_trunks: "nullable<float64>",
  sd_seeds: "nullable<float64>",
  difference: "nullable<float64>",
  ci_low: "nullable<float64>",
  ci_high: "nullable<float64>",
  df: "nullable<float64>",
  p: "nullable<float64>",
  se_documents: "nullable<float64>",
  ci_documents_low: "nullable<float64>",
  ci_documents_high: "nullable<float64>",
  detectable: "nullable<float64>",
  relative_improvement: "nullable<float64>",
}, "arms compared with the reference arm after fine-tuning");

/**
 * How much closer to a target an arm's mixture is than general data: `advantage` = `similarity` - `similarity_general`,
 * and what the arm gained on it, `relative_improvement` (see `study_comparison`), null where it was not compared.
 */
export const proximity = table({
  arm: "utf8",
  target: "utf8",
  similarity: "float64",
  similarity_general: "float64",
  advantage: "float64",
  relative_improvement: "nullable<float64>",
}, "proximity advantage and improvement of each arm on each target");

/**
 * Pearson's r between proximity advantage and relative improvement over arms and targets, with its two-sided p-value
 * and confidence interval (Fisher's z), under each choice of options that the paper leaves open. `choice` says which.
 * Null for fewer than three pairs, or if one side is constant. A pair is one point, its improvement that over all `trunks`.
 *
 * Fisher's z takes pairs for independent, which they are not. `ci_resampled_low` to `ci_resampled_high` is a bootstrap over
 * arms, each with all its targets, and over trunks; with one trunk over arms only. Null for fewer than three arms.
 */
export const proximity_correlation = table({
  choice: "utf8",
  is_default: "bool",
  n: "int32",
  trunks: "int32",
  r: "nullable<float64>",
  p: "nullable<float64>",
  ci_low: "nullable<float64>",
  ci_high: "nullable<float64>",
  ci_resampled_low: "nullable<float64>",
  ci_resampled_high: "nullable<float64>",
}, "correlation of proximity advantage and improvement");

/** The two legs of the way to each target (paper, Figure 7): similarities of general data, an arm's mixture, the target. */
export const proximity_legs = table({
  arm: "utf8",
  target: "utf8",
  general_to_mixture: "float64",
  mixture_to_target: "float64",
  general_to_target: "float64",
}, "similarity along the way from general data to each arm's mixture and on to each target");

/**
 * Held-out loss of each source after fine-tuning at each peak learning rate, in nats per token; null where training
 * diverged.
 */
export const learning_rate_losses = table({
  learning_rate: "float64",
  source: "utf8",
  loss: "nullable<float64>",
  tokens: "float64",
}, "held-out loss by learning rate");

/** A metric of one model on one downstream task, over `n` questions, with an interval. */
export const task_results = table({
  model: "utf8",
  task: "utf8",
  metric: "utf8",
  value: "float64",
  n: "int32",
  ci_low: "float64",
  ci_high: "float64",
}, "downstream tasks");

/** Every question that was put to a model, its answer, and whether it counted as right. */
export const task_samples = table({
  model: "utf8",
  task: "utf8",
  question: "int32",
  sample: "int32",
  prompt: "utf8",
  output: "utf8",
  reference: "utf8",
  correct: "bool",
}, "questions, answers and verdicts");

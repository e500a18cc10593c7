/**
 * The ports of studies: many arms, fine-tuned on several targets with several seeds, and compared.
 *
 * @module
 */
import { table } from "./ports.ts";

/**
 * What each arm of a study is. `kind` is "control" (general data to the end), "midtrain" (a mixture from `start` on),
 * "ablation" (such a mixture with another weight or start), "continued" (specialised data alone from `start` on) or
 * "along_run" (a checkpoint of another arm's run). `specialised` is the source that the mixture adds, empty for none,
 * `weight` its share of tokens; `start` and `end` are shares of the horizon. Token counts include everything up to the
 * arm's checkpoint.
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
 * byte as in `evaluation`.
 */
export const study_runs = table({
  arm: "utf8",
  target: "utf8",
  seed: "int32",
  learning_rate: "float64",
  source: "utf8",
  loss_before: "float64",
  loss_after: "float64",
  bits_per_byte_before: "nullable<float64>",
  bits_per_byte_after: "nullable<float64>",
}, "held-out loss before and after each fine-tuning");

/**
 * One row per arm, target and held-out source: mean and standard deviation of the loss over seeds, and the difference
 * from the reference arm, paired by seed. `difference` is the mean of arm - reference after fine-tuning (negative:
 * better), with a two-sided confidence interval of Student's t and its p-value. These are null for the
 * reference itself; interval, p-value and standard deviation also where there are fewer than two seeds.
 * `relative_improvement` is -difference / mean of the reference.
 */
export const study_comparison = table({
  arm: "utf8",
  target: "utf8",
  source: "utf8",
  reference: "utf8",
  seeds: "int32",
  loss_before: "float64",
  loss_after: "float64",
  sd_after: "nullable<float64>",
  difference: "nullable<float64>",
  ci_low: "nullable<float64>",
  ci_high: "nullable<float64>",
  p: "nullable<float64>",
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
 * Null for fewer than three pairs, or if one side is constant.
 */
export const proximity_correlation = table({
  choice: "utf8",
  is_default: "bool",
  n: "int32",
  r: "nullable<float64>",
  p: "nullable<float64>",
  ci_low: "nullable<float64>",
  ci_high: "nullable<float64>",
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

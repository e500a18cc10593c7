/**
 * The interface of all tasks, and metrics of their answers.
 *
 * @module
 */
import { bootstrapInterval, type KnownInterval, mean } from "@causeway/core/analysis";
import type { Decoder } from "@causeway/core/generate";
import type { Weights } from "@causeway/core/model";
import type { Tokenizer } from "@causeway/core/tokenizer";
import { counted } from "@causeway/core/words";

/** The model to evaluate. */
export interface Model {
  readonly decoder: Decoder;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Must be called regularly during long computations. @throws the signal's reason once the run is stopped. */
  pulse(): void;
}

/** How records are read. */
export interface Reading {
  readonly signal: AbortSignal;
  log(message: string): void;
}

/** The answer to a question, or one sample of it. */
export interface Answer {
  /** Index of the question in the whole set. */
  readonly question: number;
  readonly sample: number;
  readonly prompt: string;
  readonly output: string;
  readonly reference: string;
  /** Whether it is correct, by metric; `task_samples` has the first. */
  readonly scores: Readonly<Record<string, boolean>>;
}

/** A metric with its 95% interval. */
export interface Metric extends KnownInterval {
  readonly metric: string;
  readonly value: number;
  /** Number of questions. */
  readonly n: number;
  /** Expected value of guessing. */
  readonly chance: number;
}

export interface Task {
  readonly name: string;
  /** Number of questions to ask. */
  readonly questions: number;
  /** Asks a model the questions `start` to `end`. Answers do not depend on how the questions are divided. */
  answer(model: Model, start: number, end: number): Promise<Answer[]>;
  metrics(answers: readonly Answer[]): Metric[];
  /** Releases resources. */
  close?(): Promise<void>;
}

/**
 * A prompt that an answer follows, as in fine-tuning (see `Tokenizer.encodeOpenPrompt`). Leading tokens are dropped, with
 * the BOS token kept, if there are not enough positions left for `new_tokens`.
 */
export function taskPrompt(
  { tokenizer, weights }: Model,
  text: string,
  new_tokens: number,
): { tokens: number[]; left_out: string } {
  const { tokens, left_out } = tokenizer.encodeOpenPrompt(text);
  return { tokens: lastTokens({ tokenizer, weights }, tokens, new_tokens), left_out };
}

/** The last tokens of a prompt that leave positions for new ones, after the BOS token. */
export function lastTokens(
  { tokenizer: { prefix_ids }, weights }: Pick<Model, "tokenizer" | "weights">,
  tokens: readonly number[],
  new_tokens: number,
): number[] {
  const room = Math.max(1, weights.config.max_position_embeddings - new_tokens);
  if (tokens.length <= room) return [...tokens];
  const kept = Math.max(1, room - prefix_ids.length);
  return [...prefix_ids, ...tokens.slice(-kept)].slice(-room);
}

/** The 97.5% quantile of the standard normal distribution. */
const Z = 1.959963984540054;

/**
 * Wilson's 95% interval of a proportion p = successes / n (Wilson, 1927), valid for few trials and near 0 and 1:
 *
 *     (p + z²/2n ± z √(p (1 - p)/n + z²/4n²)) / (1 + z²/n)
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { wilsonInterval } from "./task.ts";
 *
 * const { ci_low, ci_high } = wilsonInterval(0, 100);
 * assert.equal(ci_low, 0);
 * assert.ok(Math.abs(ci_high - 0.03699) < 1e-5);
 * ```
 */
export function wilsonInterval(successes: number, n: number): KnownInterval {
  const p = successes / n, z2 = Z * Z;
  const centre = p + z2 / (2 * n);
  const half = Z * Math.sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {
    ci_low: successes === 0 ? 0 : (centre - half) / (1 + z2 / n),
    ci_high: successes === n ? 1 : (centre + half) / (1 + z2 / n),
  };
}

/** The share of answers that are correct by a metric. */
export function proportion(answers: readonly Answer[], metric: string, chance: number): Metric {
  const n = answers.length;
  const right = answers.filter(({ scores }) => scores[metric]).length;
  return { metric, value: right / n, n, ...wilsonInterval(right, n), chance };
}

/**
 * An unbiased estimate of the probability that at least one of k samples is correct, from n samples of which c are (Chen et
 * al., 2021, "Evaluating Large Language Models Trained on Code"), as a product that does not overflow:
 *
 *     1 - C(n - c, k) / C(n, k) = 1 - Π_{i = n - c + 1}^{n} (1 - k / i)
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { passAtK } from "./task.ts";
 *
 * assert.equal(passAtK(4, 1, 1), 0.25);
 * assert.equal(passAtK(4, 2, 3), 1); // any three of the four include a correct one
 * ```
 */
export function passAtK(n: number, c: number, k: number): number {
  if (n - c < k) return 1;
  let none = 1;
  for (let i = n - c + 1; i <= n; i++) none *= 1 - k / i;
  return 1 - none;
}

/**
 * pass@k, the mean over questions, with a bootstrap interval over questions. If every question has the value 0, or every
 * one 1, all resamples are equal, so the interval is Wilson's.
 */
export function passMetric(
  answers: readonly Answer[],
  k: number,
  { seed, resamples }: { seed: number; resamples: number },
): Metric {
  const by_question = Map.groupBy(answers, ({ question }) => question);
  const values = [...by_question.values()].map((samples) => {
    const right = samples.filter(({ scores }) => scores.pass).length;
    return passAtK(samples.length, right, k);
  });
  const n = values.length, value = mean(values);
  const sure = values.every((one) => one === values[0]) && (value === 0 || value === 1);
  const interval = sure ? wilsonInterval(value * n, n) : bootstrapInterval(
    n,
    (counts) => counts.reduce((sum, count, i) => sum + count * values[i], 0) / n,
    { seed, resamples, phase: `pass@${k}` },
  );
  return { metric: `pass@${k}`, value, n, ...interval, chance: 0 };
}

/** A warning about a metric that is not above chance; undefined for one that is. */
export function caution(
  model: string,
  task: string,
  { metric, value, n, ci_low, ci_high, chance }: Metric,
): string | undefined {
  const what = `${model}: ${task} ${metric} is ${value.toFixed(3)}`;
  if (value === 0) {
    return `${what}: no correct answer to ${
      counted(n, "question")
    }, so the task is too hard to compare this model with others`;
  }
  if (chance === 0 || ci_low > chance) return undefined;
  const interval = `[${ci_low.toFixed(3)}, ${ci_high.toFixed(3)}]`;
  return `${what} ${interval} on ${counted(n, "question")}, which is not above chance (${chance})`;
}

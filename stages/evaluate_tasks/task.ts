/**
 * What all tasks are: questions that are put to a model, and metrics of its answers.
 *
 * @module
 */
import type { Weights } from "../../core/model/mod.ts";
import type { Decoder } from "../../core/generate/mod.ts";
import type { Tokenizer } from "../../core/tokenizer/mod.ts";

/** A model that is asked. */
export interface Model {
  readonly decoder: Decoder;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** To be called while there is much to compute. @throws the signal's reason when the run is to stop. */
  pulse(): void;
}

/** What became of a question, or of one sample of it. */
export interface Answer {
  /** Place of the question among all of the set. */
  readonly question: number;
  readonly sample: number;
  readonly prompt: string;
  readonly output: string;
  readonly reference: string;
  /** Whether it counts as right, by metric; the first is what `task_samples` holds. */
  readonly scores: Readonly<Record<string, boolean>>;
}

/** A metric with its 95% interval. */
export interface Metric {
  readonly metric: string;
  readonly value: number;
  /** Questions. */
  readonly n: number;
  readonly ci_low: number;
  readonly ci_high: number;
  /** What guessing gives. */
  readonly chance: number;
}

export interface Task {
  readonly name: string;
  /** Number of questions that are asked. */
  readonly questions: number;
  /** Puts questions `start` to `end` to a model. Answers do not depend on how the questions are divided. */
  answer(model: Model, start: number, end: number): Promise<Answer[]>;
  metrics(answers: readonly Answer[]): Metric[];
  /** Frees what it holds. */
  close?(): Promise<void>;
}

/**
 * Tokens of a text in parts, each tokenized by itself, as prompt and answer are in fine-tuning. When they leave no room
 * for so many new ones in the model's positions, the first are left out.
 */
export function promptTokens(
  { tokenizer, weights }: Model,
  parts: readonly string[],
  new_tokens: number,
): number[] {
  const tokens = parts.flatMap((part) => Array.from(tokenizer.encode(part)));
  const room = Math.max(1, weights.config.max_position_embeddings - new_tokens);
  return tokens.slice(-room);
}

/**
 * What `main.ts` reads and writes.
 *
 * @module
 */

/** A model, one precision of it, and what it should continue. */
export interface Job {
  /** Folder with config.json, the tokenizer's files and onnx/. */
  readonly folder: string;
  readonly dtype: "fp32" | "q8" | "q4";
  readonly prompts: readonly string[];
  readonly max_new_tokens: number;
}

/** By prompt. */
export interface JobResult {
  /** The greedy continuation, without special tokens. */
  readonly texts: string[];
  /** Of the first new token, [V]. */
  readonly logits: number[][];
}

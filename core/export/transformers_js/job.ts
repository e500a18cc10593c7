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
  /** Conversations that it should answer by its chat template. */
  readonly chats?: readonly (readonly { readonly role: string; readonly content: string }[])[];
}

/** By prompt, and by conversation. */
export interface JobResult {
  /** The greedy continuation, without special tokens. */
  readonly texts: string[];
  /** Of the first new token, [V]. */
  readonly logits: number[][];
  /** The greedy answers, without special tokens, and whether they ended before `max_new_tokens`. */
  readonly answers: { readonly text: string; readonly ended: boolean }[];
}

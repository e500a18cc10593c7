/**
 * Text generation: prompts are continued token by token until they end.
 *
 * @module
 */
import type { Weights } from "../model/mod.ts";
import { setImmediate } from "node:timers";
import { decodeAfter, type Tokenizer } from "../tokenizer/mod.ts";
import { counted } from "../words/mod.ts";
import type { Decoder, DecodingBatch } from "./decoder.ts";
import { chooseToken, type SamplingOptions } from "./sampling.ts";

/** The part of a tokenizer that generation needs. */
export type TextDecoding =
  & Pick<Tokenizer, "decode" | "end_of_text" | "vocab_size">
  & Partial<Pick<Tokenizer, "eos_token_ids" | "prefix_ids">>;

/** Whether a token ends a text: models may have several that do. */
const isEnd = ({ end_of_text, eos_token_ids = [end_of_text] }: TextDecoding, token: number) =>
  eos_token_ids.includes(token);

export interface Prompt {
  /** At least one, and fewer than the model has positions. */
  readonly tokens: ArrayLike<number>;
  /** The end of the prompt's text that `tokens` leave out; the new text repeats it, and is returned without it. */
  readonly left_out?: string;
  /** Its number among all samples of the seed, which selects the random numbers. Its index in the list by default. */
  readonly sample?: number;
}

export interface GenerateOptions extends SamplingOptions {
  readonly max_new_tokens: number;
  /** Texts that end generation; the returned text ends before the first of them. */
  readonly stop?: readonly string[];
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** Called with each new token. */
  readonly onToken?: (prompt: number, token: number) => void;
  /** Called after each batch with the number of texts done. */
  readonly onBatch?: (done: number) => void;
}

/** The generated text of a prompt. */
export interface Completion {
  /** Without the prompt, the end-of-text token and the stop text. */
  readonly text: string;
  /** All new tokens, including those of the stop text and the end-of-text token. */
  readonly tokens: readonly number[];
  /** "length": `max_new_tokens` or the model's positions were reached. */
  readonly finish: "end_of_text" | "stop" | "length";
}

/**
 * Continues prompts. A completion depends only on its prompt, its sample number and the options, not on the other
 * prompts: see {@linkcode DecodingBatch}.
 *
 * @returns a completion for each prompt, in their order.
 * @throws {Error} for a prompt that is empty or leaves no room in the model's positions; the signal's reason.
 */
export async function generate(
  decoder: Decoder,
  weights: Weights,
  tokenizer: TextDecoding,
  prompts: readonly Prompt[],
  options: GenerateOptions,
): Promise<Completion[]> {
  const { max_position_embeddings } = weights.config;
  prompts.forEach(({ tokens: { length } }, i) => {
    if (length > 0 && length < max_position_embeddings) return;
    throw new Error(
      length === 0
        ? `prompt ${i} is empty; start with the end-of-text token`
        : `prompt ${i} has ${
          counted(length, "token")
        }, which leaves no room in the model's ${max_position_embeddings} ` +
          "positions (max_position_embeddings); shorten it",
    );
  });
  const texts = prompts.map((prompt, i) => new GrowingText(prompt, i, weights, tokenizer, options));
  // Prompts of similar length share batches.
  const order = texts.toSorted((a, b) => a.prompt.tokens.length - b.prompt.tokens.length);
  const { batch_size } = decoder.options;
  for (let start = 0; start < order.length; start += batch_size) {
    await finish(decoder, weights, order.slice(start, start + batch_size), options);
    options.onBatch?.(Math.min(start + batch_size, order.length));
  }
  return texts.map((text) => text.completion());
}

/** Computing blocks the thread; it yields this often, so that requests to stop are noticed. */
const YIELD_MS = 50;

/** Generates until every text of a batch has ended. */
async function finish(
  decoder: Decoder,
  weights: Weights,
  texts: readonly GrowingText[],
  { signal }: GenerateOptions,
): Promise<void> {
  const batch = decoder.begin(weights);
  let tokens: ArrayLike<number>[] = texts.map(({ prompt }) => prompt.tokens);
  let yielded = performance.now();
  while (true) {
    if (signal && performance.now() - yielded > YIELD_MS) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      yielded = performance.now();
    }
    signal?.throwIfAborted();
    const states = lastStates(await batch.append(tokens), decoder.options.batch_size, weights);
    const logits = await decoder.logits(weights, states);
    const { vocab_size } = weights.config;
    tokens = texts.map((text, row) => {
      if (text.finish) return [];
      const token = text.extend(logits.subarray(row * vocab_size, (row + 1) * vocab_size));
      return text.finish ? [] : [token];
    });
    if (texts.every((text) => text.finish)) return;
  }
}

/** The state of each row's last token: float32 [rows, D]. */
function lastStates(
  states: Awaited<ReturnType<DecodingBatch["append"]>>,
  rows: number,
  { config: { hidden_size } }: Weights,
): Float32Array {
  const all = new Float32Array(rows * hidden_size);
  states.forEach((of_row, row) => {
    const last = of_row.at(-1);
    if (last) all.set(last, row * hidden_size);
  });
  return all;
}

class GrowingText {
  readonly tokens: number[] = [];
  finish: Completion["finish"] | undefined;
  readonly #room: number;
  /** The last tokens that may contain a stop text: it has no more tokens than bytes. */
  readonly #window: number;

  constructor(
    readonly prompt: Prompt,
    readonly index: number,
    { config: { max_position_embeddings } }: Weights,
    readonly tokenizer: TextDecoding,
    readonly options: GenerateOptions,
  ) {
    const { max_new_tokens, stop = [] } = options;
    this.#room = Math.min(max_new_tokens, max_position_embeddings - prompt.tokens.length);
    const bytes = stop.map((text) => new TextEncoder().encode(text).length);
    this.#window = Math.max(0, ...bytes);
  }

  /** Chooses the next token. A model may have more logits than the tokenizer has tokens. */
  extend(logits: Float32Array): number {
    const { tokenizer, options, prompt: { sample = this.index }, tokens } = this;
    const known = logits.subarray(0, tokenizer.vocab_size);
    const at = { seed: options.seed, sample, position: tokens.length };
    const token = chooseToken(known, options, at, this.#seen());
    tokens.push(token);
    options.onToken?.(this.index, token);
    if (isEnd(tokenizer, token)) this.finish = "end_of_text";
    else if (this.#stopsIn(this.#window)) this.finish = "stop";
    else if (tokens.length >= this.#room) this.finish = "length";
    return token;
  }

  *#seen(): Generator<number> {
    for (let i = 0; i < this.prompt.tokens.length; i++) yield this.prompt.tokens[i];
    yield* this.tokens;
  }

  /** Whether a stop text is in the last tokens. */
  #stopsIn(window: number): boolean {
    if (window === 0) return false;
    const { tokenizer, tokens, prompt } = this, start = Math.max(0, tokens.length - window);
    const text = start === 0
      ? newText(tokenizer, prompt, tokens)
      : decodeAfter(tokenizer, tokens.slice(0, start), tokens.slice(start));
    return this.options.stop!.some((stop) => text.includes(stop));
  }

  completion(): Completion {
    const { tokenizer, tokens, prompt, finish = "length", options: { stop = [] } } = this;
    const text = newText(
      tokenizer,
      prompt,
      finish === "end_of_text" ? tokens.slice(0, -1) : tokens,
    );
    const ends = stop.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
    return { text: text.slice(0, Math.min(text.length, ...ends)), tokens, finish };
  }
}

/**
 * The text of new tokens after their prompt: a decoder may drop the blank of a first token. A token that only begins a
 * text, such as BOS, is no context.
 */
function newText(
  tokenizer: TextDecoding,
  { tokens, left_out = "" }: Pick<Prompt, "tokens" | "left_out">,
  added: readonly number[],
): string {
  const { end_of_text, prefix_ids = [] } = tokenizer;
  const context = Array.from(tokens).filter((id) => id !== end_of_text && !prefix_ids.includes(id));
  const text = decodeAfter(tokenizer, context, added);
  let repeated = 0;
  while (repeated < left_out.length && text[repeated] === left_out[repeated]) repeated++;
  return text.slice(repeated);
}

/** Part of a character whose other bytes are in later tokens. */
const INCOMPLETE = "\ufffd";

/**
 * Turns tokens into pieces of text as they are generated. A character whose bytes are in several tokens is shown when it
 * is complete, and a possible beginning of a stop text when it turns out not to be one.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { TextStream } from "./generate.ts";
 *
 * const words = ["a", "b", "STO", "P", "!"];
 * const tokenizer = {
 *   decode: (ids: ArrayLike<number>) => Array.from(ids, (id) => words[id]).join(""),
 *   end_of_text: 9,
 *   vocab_size: 10,
 * };
 * const stream = new TextStream(tokenizer, ["STOP"]);
 * assert.deepEqual([0, 2, 4].map((id) => stream.push(id)), ["a", "", "STO!"]);
 * ```
 */
export class TextStream {
  readonly #tokens: number[] = [];
  #shown = 0;

  constructor(
    readonly tokenizer: TextDecoding,
    readonly stop: readonly string[] = [],
    readonly prompt: Pick<Prompt, "tokens" | "left_out"> = { tokens: [] },
  ) {}

  /** Adds a token; returns the text that is now final, which may be empty. */
  push(token: number): string {
    if (isEnd(this.tokenizer, token)) return "";
    this.#tokens.push(token);
    const text = newText(this.tokenizer, this.prompt, this.#tokens);
    return this.#show(text, this.#final(text));
  }

  /** The rest of a text that has ended, given the whole of it. */
  end(text: string): string {
    return this.#show(text, text.length);
  }

  #show(text: string, until: number): string {
    const piece = text.slice(this.#shown, until);
    this.#shown = Math.max(this.#shown, until);
    return piece;
  }

  /** Length of the part that no later token changes or cuts off. */
  #final(text: string): number {
    let end = text.length;
    while (end > 0 && text[end - 1] === INCOMPLETE) end--;
    for (const stop of this.stop) {
      const found = text.indexOf(stop);
      if (found >= 0) end = Math.min(end, found);
      for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) {
        if (text.endsWith(stop.slice(0, length))) {
          end = Math.min(end, text.length - length);
          break;
        }
      }
    }
    return end;
  }
}

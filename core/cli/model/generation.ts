/**
 * What generate and chat share: the flags of sampling, and a model that continues prompts.
 *
 * @module
 */
import { type Completion, Decoder, generate, type Prompt, TextStream } from "../../generate/mod.ts";
import { hostWeights, type Weights } from "../../model/mod.ts";
import { type Flags, real, type Values, whole } from "../shared/flags.ts";
import type { LoadedModel } from "./find_model.ts";

export const GENERATION_FLAGS = {
  max_new_tokens: { value: "N", default: "128", help: "generate at most N tokens", ...whole(1) },
  temperature: {
    value: "T",
    default: "0.8",
    help: "0 takes the most likely token each time; 1 samples from the model's distribution",
    ...real(0),
  },
  top_k: {
    value: "K",
    default: "50",
    help: "sample among the K most likely tokens; 0: all",
    ...whole(0),
  },
  top_p: {
    value: "P",
    default: "1",
    help: "sample among the most likely tokens with this total probability",
    expects: "a number > 0 and <= 1",
    parse: (text: string) => real(0, 1).parse(text) || undefined,
  },
  stop: { value: "TEXT", many: true, help: "end before this text" },
  seed: { value: "N", default: "0", help: "the same seed gives the same text", ...whole(0) },
  threads: {
    value: "N",
    default: "0",
    help: "threads to compute with; 0: one per core",
    ...whole(0, 1024),
  },
} as const satisfies Flags;

/** How tokens are chosen, and when a text ends. */
export type GenerationFlags = Values<typeof GENERATION_FLAGS>;

/** What one prompt gave. */
export interface Written extends Completion {
  readonly seconds: number;
}

/** Generates with one model, one text at a time. */
export class Writer {
  readonly #decoder: Decoder;
  readonly #weights: Weights;

  constructor(readonly model: LoadedModel, readonly flags: GenerationFlags) {
    this.#decoder = new Decoder({ batch_size: 1, threads: flags.threads, device: "cpu" });
    this.#weights = hostWeights(model.parameters);
  }

  /** Longest sequence of the model, in tokens. */
  get positions(): number {
    return this.model.parameters.config.max_position_embeddings;
  }

  /** Token ids of a prompt; an empty one begins as documents do, with the end-of-text token. */
  encode(prompt: string): number[] {
    const { tokenizer } = this.model;
    return prompt === "" ? [tokenizer.end_of_text] : Array.from(tokenizer.encode(prompt));
  }

  /**
   * Continues a prompt.
   *
   * @param onText called with each piece of text, in order.
   * @throws {Error} when the prompt fills all positions of the model; the signal's reason when it is aborted.
   */
  async write(
    prompt: Prompt,
    onText: (piece: string) => void,
    signal?: AbortSignal,
  ): Promise<Written> {
    const { tokenizer } = this.model, began = performance.now();
    const stream = new TextStream(tokenizer, this.flags.stop);
    const [completion] = await generate(this.#decoder, this.#weights, tokenizer, [prompt], {
      ...this.flags,
      signal,
      onToken: (_, token) => onText(stream.push(token)),
    });
    onText(stream.end(completion.text));
    return { ...completion, seconds: (performance.now() - began) / 1000 };
  }

  release(): Promise<void> {
    return this.#decoder.release();
  }
}

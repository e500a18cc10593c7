/**
 * A model that writes: prompts in, pieces of text out.
 *
 * @module
 */
import { hostWeights, type Weights } from "../../model/mod.ts";
import { type Completion, Decoder, generate, type Prompt, TextStream } from "../../generate/mod.ts";
import type { GenerationFlags } from "./generation_flags.ts";
import type { LoadedModel } from "./load_model.ts";

/** What came of one prompt. */
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

  /** Positions that the model has. */
  get positions(): number {
    return this.model.parameters.config.max_position_embeddings;
  }

  /** Ids of a prompt; an empty one begins as documents do. */
  encode(prompt: string): number[] {
    const { tokenizer } = this.model;
    return prompt === "" ? [tokenizer.end_of_text] : Array.from(tokenizer.encode(prompt));
  }

  /**
   * Goes on with a prompt.
   *
   * @param onText called with each piece of text, in order.
   * @throws {Error} when the prompt leaves no room in the model's positions; the signal's reason.
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

/**
 * Samples of generated text during training: what the model makes of some prompts, at every validation.
 *
 * @module
 */
import type { Weights } from "../model/mod.ts";
import type { Compute } from "../engine/mod.ts";
import { Decoder, generate } from "../generate/mod.ts";
import { Random } from "../random/mod.ts";
import type { FilesInput, StageContext } from "../stage/mod.ts";
import { openTokenizer, type Tokenizer } from "../tokenizer/mod.ts";

/** What samples need of a stage's context. */
export type SampleContext = Pick<
  StageContext<unknown, Record<never, never>, Record<never, never>>,
  "samples" | "showSample" | "ranks"
>;

/**
 * Shows samples where the recipe asks for them. Training does not depend on them: they have their own random numbers, and
 * an error ends the samples, not the training.
 */
export class TrainingSamples {
  #tools: { decoder: Decoder; tokenizer: Tokenizer } | undefined;
  #shown = -1;
  #failed = false;

  /**
   * @param files of a tokenizer, or of a checkpoint with one.
   * @param seed of the phase.
   */
  constructor(
    private readonly ctx: SampleContext & { log(message: string): void },
    private readonly files: FilesInput | undefined,
    private readonly compute: Compute,
    private readonly seed: number,
  ) {}

  /** Whether the recipe asks for samples, and this process is the one that shows them. */
  get are_wanted(): boolean {
    const { samples, showSample, ranks } = this.ctx;
    const is_first = (ranks?.rank ?? 0) === 0;
    return !this.#failed && samples !== undefined && showSample !== undefined &&
      this.files !== undefined && is_first;
  }

  /**
   * Generates and shows one sample for each prompt; once for each step.
   *
   * @param weights in host memory.
   * @param done steps of the phase.
   */
  async show(weights: () => Promise<Weights>, done: number): Promise<void> {
    if (!this.are_wanted || done === this.#shown) return;
    this.#shown = done;
    try {
      await this.#generate(await weights(), done);
    } catch (error) {
      this.#failed = true;
      this.ctx.log(`no more samples: ${(error as Error).message}`);
    }
  }

  async #generate(weights: Weights, done: number): Promise<void> {
    const { prompts, max_new_tokens, temperature } = this.ctx.samples!;
    const { decoder, tokenizer } = this.#tools ??= await this.#open(prompts.length);
    const tokens = prompts.map((prompt) => ({ tokens: tokenizer.encodePrompt(prompt) }));
    // Other random numbers at every step: equal ones would repeat the same luck.
    const seed = new Random(this.seed, "samples", done).below(2 ** 31);
    const options = { temperature, top_p: 1, max_new_tokens, seed };
    const texts = await generate(decoder, weights, tokenizer, tokens, options);
    texts.forEach(({ text }, i) => this.ctx.showSample!(done, { prompt: prompts[i], text }));
  }

  async #open(batch_size: number) {
    const tokenizer = await openTokenizer(this.files!);
    return { decoder: new Decoder({ batch_size, threads: this.compute.threads }), tokenizer };
  }

  async release(): Promise<void> {
    await this.#tools?.decoder.release();
  }
}

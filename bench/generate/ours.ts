/**
 * Causeway's side of the generation benchmark: a process that generates on request.
 *
 * @module
 */
import { hostWeights } from "@causeway/core/model";
import type { Sequence } from "@causeway/core/batches";
import { Decoder, generate, type TextDecoding } from "@causeway/core/generate";
import { serveRequests, timedPasses } from "../shared/processes.ts";
import { benchmarkBatches, benchmarkParameters, type Size } from "../shared/workload.ts";

interface Work {
  size: Size;
  batch: number;
  prompt_tokens: number;
  new_tokens: number;
  threads: number;
}

let run: () => Promise<number[][]>;

await serveRequests({
  async prepare({ size, batch, prompt_tokens, new_tokens, threads }: Work) {
    const weights = hostWeights(benchmarkParameters(size));
    const decoder = new Decoder({ batch_size: batch, threads });
    const sequences: Sequence[] = benchmarkBatches({ ...size, rows: batch, length: prompt_tokens })
      .next()
      .value!;
    const prompts = sequences.map(({ tokens }) => ({ tokens: tokens.subarray(0, prompt_tokens) }));
    const tokenizer: TextDecoding = {
      decode: () => "",
      end_of_text: -1, // no text ends early
      vocab_size: size.config.vocab_size,
    };
    const options = { temperature: 0, top_p: 1, seed: 0, max_new_tokens: new_tokens };
    run = async () => {
      const texts = await generate(decoder, weights, tokenizer, prompts, options);
      return texts.map(({ tokens }) => [...tokens]);
    };
    return { prompts: prompts.map(({ tokens }) => Array.from(tokens)), tokens: await run() };
  },

  passes: ({ count }: { count: number }) => timedPasses(count, run),
});

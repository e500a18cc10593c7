/**
 * The weights and token ids that both sides compute with. They are made from seeds, so the Deno side builds its own
 * copy and the Python side reads a file.
 *
 * @module
 */
import type { Sequence } from "../../core/data/mod.ts";
import { encodeParameters, initialize, ParameterArrays } from "../../core/model/mod.ts";
import { Random } from "../../core/random/mod.ts";
import type { Size } from "./sizes.ts";

/** Where the Python side finds its inputs. */
export interface WorkloadFiles {
  /** safetensors under Hugging Face's names. */
  readonly weights: string;
  /** uint16 [BATCHES, rows, length + 1] */
  readonly tokens: string;
}

/** Different batches; both sides go round them in the same order. */
const BATCHES = 8;
const SEED = 1;

/**
 * Initial weights. Biases, norms and attention are moved away from where training starts: there a bias left out or
 * a wrong rotation hardly shows in the loss, and the check that both sides compute the same would miss it.
 */
export function benchmarkParameters({ config }: Size): ParameterArrays {
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, SEED);
  for (const [name, view] of parameters.views) {
    if (name.endsWith("query_key_value.weight")) view.forEach((w, i) => view[i] = 5 * w);
    if (!/norm|bias/.test(name)) continue;
    const random = new Random(SEED, `bench/${name}`, 0);
    view.forEach((w, i) => view[i] = w + 0.1 * random.normal());
  }
  return parameters;
}

/** Random token ids, uint16 [BATCHES, rows, length + 1]. */
function benchmarkTokens({ config, rows, length }: Size): Uint16Array<ArrayBuffer> {
  const random = new Random(SEED, "bench/tokens", 0);
  const tokens = new Uint16Array(BATCHES * rows * (length + 1));
  for (let i = 0; i < tokens.length; i++) tokens[i] = random.below(config.vocab_size);
  return tokens;
}

/** Batches of packed sequences, without end. */
export function* benchmarkBatches(size: Size): Generator<Sequence[]> {
  const tokens = benchmarkTokens(size);
  const width = size.length + 1;
  for (let batch = 0;; batch = (batch + 1) % BATCHES) {
    yield Array.from({ length: size.rows }, (_, row) => {
      const start = (batch * size.rows + row) * width;
      return { tokens: tokens.subarray(start, start + width), prompt_length: 0, source: "random" };
    });
  }
}

/** Writes the files of a size. Run as a process of its own, so that its memory is gone when the timing starts. */
function writeFiles(size: Size, files: WorkloadFiles): void {
  Deno.writeFileSync(files.weights, encodeParameters(benchmarkParameters(size)));
  Deno.writeFileSync(files.tokens, new Uint8Array(benchmarkTokens(size).buffer));
}

if (import.meta.main) writeFiles(JSON.parse(Deno.args[0]), JSON.parse(Deno.args[1]));

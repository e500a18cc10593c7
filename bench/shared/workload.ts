/**
 * The weights and token ids that both sides compute with. They are made from seeds, so the Deno side builds its own
 * copy and the Python side reads a file.
 *
 * @module
 */
import type { Sequence } from "../../core/batches/mod.ts";
import {
  embeddings,
  encodeParameters,
  ParameterArrays,
  parameterSpecs,
} from "../../core/model/mod.ts";
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
 * Random weights, biases and norms too, of a scale that keeps variances near 1: matrices [out, in] have standard
 * deviation 1/√in. At the small scale that training starts from, a bias left out or a wrong rotation hardly
 * shows in the loss, and the check that both sides compute the same would miss it.
 */
export function benchmarkParameters({ config }: Size): ParameterArrays {
  const parameters = new ParameterArrays(config, "matrices");
  const { input } = embeddings(config);
  for (const { name, shape } of parameterSpecs(config)) {
    const view = parameters.get(name), random = new Random(SEED, `bench/${name}`, 0);
    if (shape.length === 1) {
      const mean = name.endsWith("norm.weight") ? 1 : 0;
      for (let i = 0; i < view.length; i++) view[i] = mean + 0.2 * random.normal();
    } else {
      random.fillNormal(view, name === input.name ? 1 : 1 / Math.sqrt(shape[1]));
    }
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

/** Writes the files of a size. */
function writeFiles(size: Size, files: WorkloadFiles): void {
  Deno.writeFileSync(files.weights, encodeParameters(benchmarkParameters(size)));
  Deno.writeFileSync(files.tokens, new Uint8Array(benchmarkTokens(size).buffer));
}

if (import.meta.main) writeFiles(JSON.parse(Deno.args[0]), JSON.parse(Deno.args[1]));

/**
 * The models, weights and token ids that both sides compute with. Weights and tokens come from seeds: Causeway's
 * process makes them itself, the Python process reads them from files.
 *
 * @module
 */
import type { Sequence } from "@causeway/core/batches";
import {
  completeConfig,
  embeddings,
  encodeParameters,
  type ModelConfig,
  ParameterArrays,
  parameterSpecs,
  type PresetName,
  PRESETS,
} from "@causeway/core/model";
import { Random } from "@causeway/core/random";

/** A model and its batches. */
export interface Size {
  readonly name: PresetName;
  readonly config: ModelConfig;
  /** Sequences per step, B. */
  readonly rows: number;
  /** Tokens per sequence, T. */
  readonly length: number;
  /** Default optimizer steps per turn, a few seconds of work. */
  readonly steps: number;
  /** Not among the default models, because it needs much memory. */
  readonly on_request?: boolean;
}

/** What weights and tokens depend on. */
type Shape = Pick<Size, "config" | "rows" | "length">;

function size(name: PresetName, vocab_size: number, shape: Omit<Size, "name" | "config">): Size {
  return { name, config: completeConfig(PRESETS[name], vocab_size), ...shape };
}

/** Pythia's vocabulary, padded to a multiple of 128. */
const PYTHIA_VOCABULARY = 50304;

export const SIZES: readonly Size[] = [
  size("mini", 4096, { rows: 16, length: 256, steps: 15 }),
  size("small", 8192, { rows: 16, length: 256, steps: 4 }),
  size("pythia-14m", PYTHIA_VOCABULARY, { rows: 4, length: 512, steps: 4 }),
  size("pythia-70m", PYTHIA_VOCABULARY, { rows: 4, length: 512, steps: 2 }),
  size("pythia-160m", PYTHIA_VOCABULARY, { rows: 2, length: 512, steps: 1 }),
  size("pythia-410m", PYTHIA_VOCABULARY, { rows: 1, length: 256, steps: 1, on_request: true }),
];

/** Input files of the Python side. */
export interface WorkloadFiles {
  /** safetensors under Hugging Face's names. */
  readonly weights: string;
  /** uint16 [BATCHES, rows, length + 1] */
  readonly tokens: string;
}

/** Number of different batches; both sides cycle through them in the same order. */
const BATCHES = 8;
const SEED = 1;

/**
 * Random weights, biases and norms, scaled so that variances stay near 1: matrices [out, in] have standard deviation
 * 1/√in. With the small initial weights of training, a missing bias or a wrong rotation would hardly change the loss,
 * and the check that both sides compute the same would miss it.
 */
export function benchmarkParameters({ config }: Shape): ParameterArrays {
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
function benchmarkTokens({ config, rows, length }: Shape): Uint16Array<ArrayBuffer> {
  const random = new Random(SEED, "bench/tokens", 0);
  const tokens = new Uint16Array(BATCHES * rows * (length + 1));
  for (let i = 0; i < tokens.length; i++) tokens[i] = random.below(config.vocab_size);
  return tokens;
}

/** Endless batches of packed sequences. */
export function* benchmarkBatches(size: Shape): Generator<Sequence[]> {
  const tokens = benchmarkTokens(size);
  const width = size.length + 1;
  for (let batch = 0;; batch = (batch + 1) % BATCHES) {
    yield Array.from({ length: size.rows }, (_, row) => {
      const start = (batch * size.rows + row) * width;
      const loss_spans = [0, width];
      return { tokens: tokens.subarray(start, start + width), loss_spans, source: "random" };
    });
  }
}

/** Writes the inputs of the Python side. */
function writeFiles(size: Shape, files: WorkloadFiles): void {
  Deno.writeFileSync(files.weights, encodeParameters(benchmarkParameters(size)));
  Deno.writeFileSync(files.tokens, new Uint8Array(benchmarkTokens(size).buffer));
}

if (import.meta.main) writeFiles(JSON.parse(Deno.args[0]), JSON.parse(Deno.args[1]));

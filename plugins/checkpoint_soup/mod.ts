/**
 * The checkpoint_soup stage: a model whose weights are the mean of those of several checkpoints (Wortsman et al., 2022,
 * "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time").
 * The mean is good where the checkpoints began from the same one.
 *
 * @module
 */
import { z } from "zod";
import {
  type ModelConfig,
  type NamedTensor,
  parameterSpecs,
  parseConfig,
  toHuggingFace,
  writeSafetensors,
} from "../../core/model/mod.ts";
import { defineStage, type FilesInput, many, ports } from "../../core/stage/mod.ts";
import { TensorFile } from "./tensor_file.ts";

const WEIGHTS = "model.safetensors";
const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"];
/** Names that other versions of transformers give to the same tensors. */
const ALIASES: Readonly<Record<string, string>> = { "embed_out.weight": "lm_head.weight" };

type Checkpoints = Readonly<Record<string, FilesInput>>;

/**
 * Output: a checkpoint of config, weights and tokenizer. It has no optimizer state, since that of a mean is no
 * mean of states: evaluation and fine-tuning take it, midtraining, which goes on with the optimizer, does not.
 *
 * In memory are the result twice and one tensor of each checkpoint.
 *
 * @throws {Error} when the checkpoints have different configs or tokenizers, or the weights do not name them all.
 */
export const checkpoint_soup = defineStage({
  name: "checkpoint_soup",
  version: "1",
  description: "Averages the weights of several checkpoints.",
  config: z.strictObject({
    /** Share of each checkpoint, by its label; scaled to sum to 1. All the same when left out. */
    weights: z.record(z.string(), z.number().nonnegative()).optional(),
  }),
  inputs: { checkpoints: many(ports.checkpoint) },
  outputs: { checkpoint: ports.checkpoint },
  async run({ config, inputs: { checkpoints }, outputs, signal, report }) {
    signal.throwIfAborted();
    // By label, so that the order of wiring, and of summing, changes nothing.
    const labels = Object.keys(checkpoints).sort();
    const shares = sharesOf(labels, config.weights);
    const model = await commonConfig(labels, checkpoints);
    const tokenizer = await commonTokenizer(labels, checkpoints);
    const files = labels.map((label) =>
      TensorFile.open(checkpoints[label].path(WEIGHTS), `${WEIGHTS} of checkpoint "${label}"`)
    );
    const tensors: NamedTensor[] = [];
    try {
      const specs = parameterSpecs(model);
      for (const { name, shape } of specs) {
        signal.throwIfAborted();
        const names = [name, ALIASES[name]].filter((name) => name !== undefined);
        const data = meanOf(files.map((file) => file.read(names, shape)), shares);
        tensors.push({ name, shape, data });
        report(tensors.length, {}, specs.length);
      }
    } finally {
      files.forEach((file) => file.close());
    }
    const text = JSON.stringify(toHuggingFace(model), null, 2) + "\n";
    await outputs.checkpoint.write("config.json", text);
    await outputs.checkpoint.write(WEIGHTS, writeSafetensors(tensors));
    for (const [name, bytes] of tokenizer) await outputs.checkpoint.write(name, bytes);
  },
});

/**
 * mean = Σ share_k x_k / Σ share_k, summed in float64 and rounded to float32 once: the mean of equal values is that
 * value, to the bit.
 */
export function meanOf(
  tensors: readonly Float32Array[],
  shares: readonly number[],
): Float32Array {
  const total = shares.reduce((a, b) => a + b, 0);
  const sum = new Float64Array(tensors[0].length);
  tensors.forEach((tensor, k) => {
    const share = shares[k];
    // A share of 0 takes nothing, not even NaN.
    if (share > 0) { for (let i = 0; i < sum.length; i++) sum[i] += share * tensor[i]; }
  });
  return Float32Array.from(sum, (value) => value / total);
}

function sharesOf(labels: readonly string[], weights?: Readonly<Record<string, number>>): number[] {
  if (weights === undefined) return labels.map(() => 1);
  const there = labels.join(", ");
  for (const label of Object.keys(weights)) {
    if (!labels.includes(label)) {
      throw new Error(`weights names a checkpoint "${label}"; there are ${there}`);
    }
  }
  const without = labels.find((label) => weights[label] === undefined);
  if (without !== undefined) {
    throw new Error(
      `weights has none for the checkpoint "${without}"; give it one, 0 to leave it out`,
    );
  }
  const shares = labels.map((label) => weights[label]);
  if (!shares.some((share) => share > 0)) throw new Error("the weights of all checkpoints are 0");
  return shares;
}

async function commonConfig(
  labels: readonly string[],
  checkpoints: Checkpoints,
): Promise<ModelConfig> {
  const configs = await Promise.all(labels.map(async (label) => {
    const origin = `config.json of checkpoint "${label}"`;
    return parseConfig(JSON.parse(await checkpoints[label].text("config.json")), origin);
  }));
  const [first] = configs;
  for (const [i, config] of configs.entries()) {
    const [expected, other] = [first, config].map((model) => new Map(Object.entries(model)));
    for (const key of new Set([...expected.keys(), ...other.keys()])) {
      if (other.get(key) === expected.get(key)) continue;
      throw new Error(
        `checkpoints "${labels[0]}" and "${labels[i]}" are of different models: ${key} is ${
          expected.get(key)
        } and ${other.get(key)}`,
      );
    }
  }
  return first;
}

/** The tokenizer's files, which must be the same for all: else one token would stand for different texts. */
async function commonTokenizer(
  labels: readonly string[],
  checkpoints: Checkpoints,
): Promise<[name: string, bytes: Uint8Array][]> {
  const files: [string, Uint8Array][] = [];
  for (const name of TOKENIZER_FILES) {
    const texts = await Promise.all(labels.map((label) => {
      return checkpoints[label].names.includes(name) ? checkpoints[label].text(name) : undefined;
    }));
    const other = texts.findIndex((text) => text !== texts[0]);
    if (other !== -1) {
      throw new Error(
        `checkpoints "${labels[0]}" and "${labels[other]}" have different tokenizers (${name})`,
      );
    }
    if (texts[0] !== undefined) files.push([name, new TextEncoder().encode(texts[0])]);
  }
  return files;
}

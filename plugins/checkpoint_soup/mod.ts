/**
 * The checkpoint_soup stage: a model whose weights are the mean of those of several checkpoints (Wortsman et al., 2022,
 * "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time").
 * The mean is good where the checkpoints started from the same one.
 *
 * @module
 */
import { z } from "zod";
import {
  type NamedTensor,
  type OpenedModel,
  openModel,
  toHuggingFace,
  writeSafetensors,
} from "@causeway/core/model";
import { defineStage, type FilesInput, many, ports } from "@causeway/core/stage";
import {
  COMPANION_FILES,
  openTokenizer,
  TOKENIZER_FILES,
  withTokenIds,
} from "@causeway/core/tokenizer";

type Checkpoints = Readonly<Record<string, FilesInput>>;

/**
 * Output: a checkpoint of config, weights and tokenizer. It has no optimizer state, because the mean of states is not
 * the state of the mean: evaluation and fine-tuning accept it, midtraining, which continues with the optimizer, does
 * not.
 *
 * The result is in memory twice, and one tensor of each checkpoint.
 *
 * @throws {Error} when the checkpoints have different configs or tokenizers, or the weights do not name them all.
 */
export const checkpoint_soup = defineStage({
  name: "checkpoint_soup",
  version: "1",
  description: "Averages the weights of several checkpoints.",
  config: z.strictObject({
    /** Share of each checkpoint by its label, scaled to sum to 1; equal shares by default. */
    weights: z.record(z.string(), z.number().nonnegative()).optional(),
  }),
  inputs: { checkpoints: many(ports.checkpoint) },
  outputs: { checkpoint: ports.checkpoint },
  async run({ config, inputs: { checkpoints }, outputs, signal, report }) {
    signal.throwIfAborted();
    // Sorted, so that the order of wiring does not change the order of summing.
    const labels = Object.keys(checkpoints).sort();
    const shares = sharesOf(labels, config.weights);
    const models = await Promise.all(
      labels.map((label) => openModel(checkpoints[label], `checkpoint "${label}"`)),
    );
    checkConfigs(labels, models);
    const tokenizer = await commonTokenizer(labels, checkpoints);
    const [{ config: model, specs }] = models;
    const tensors: NamedTensor[] = [];
    for (const { name, shape } of specs) {
      signal.throwIfAborted();
      const data = meanOf(await Promise.all(models.map(({ read }) => read(name))), shares);
      tensors.push({ name, shape, data });
      report(tensors.length, {}, specs.length);
    }
    const config_json = await withIds(toHuggingFace(model), checkpoints[labels[0]]);
    const text = JSON.stringify(config_json, null, 2) + "\n";
    await outputs.checkpoint.write("config.json", text);
    await outputs.checkpoint.write("model.safetensors", writeSafetensors(tensors));
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
    // A share of 0 adds nothing, not even NaN.
    if (share > 0) { for (let i = 0; i < sum.length; i++) sum[i] += share * tensor[i]; }
  });
  return Float32Array.from(sum, (value) => value / total);
}

function sharesOf(labels: readonly string[], weights?: Readonly<Record<string, number>>): number[] {
  if (weights === undefined) return labels.map(() => 1);
  const unknown = Object.keys(weights).find((label) => !labels.includes(label));
  if (unknown !== undefined) {
    throw new Error(
      `weights names an unknown checkpoint "${unknown}"; known: ${labels.join(", ")}`,
    );
  }
  const without = labels.find((label) => weights[label] === undefined);
  if (without !== undefined) {
    throw new Error(`weights has no entry for checkpoint "${without}"; use 0 to leave it out`);
  }
  const shares = labels.map((label) => weights[label]);
  if (!shares.some((share) => share > 0)) throw new Error("the weights of all checkpoints are 0");
  return shares;
}

function checkConfigs(labels: readonly string[], models: readonly OpenedModel[]): void {
  const [expected, ...others] = models.map(({ config }) => new Map(Object.entries(config)));
  for (const [i, other] of others.entries()) {
    for (const key of new Set([...expected.keys(), ...other.keys()])) {
      const [a, b] = [expected.get(key), other.get(key)];
      if (JSON.stringify(a) === JSON.stringify(b)) continue;
      throw new Error(
        `checkpoints "${labels[0]}" and "${
          labels[i + 1]
        }" are different models: ${key} is ${a} and ${b}`,
      );
    }
  }
}

/** With the ids of special tokens of a checkpoint, if it has a tokenizer. */
async function withIds(json: Record<string, unknown>, checkpoint: Checkpoints[string]) {
  const has_tokenizer = checkpoint.names.includes("tokenizer.json");
  return has_tokenizer ? withTokenIds(json, await openTokenizer(checkpoint)) : json;
}

/** Files beside the weights that must be equal as well. */
const BESIDE_WEIGHTS = [...TOKENIZER_FILES, ...COMPANION_FILES, "generation_config.json"];

/** The tokenizer's files, which must be equal: otherwise one token would mean different texts. */
async function commonTokenizer(
  labels: readonly string[],
  checkpoints: Checkpoints,
): Promise<[name: string, bytes: Uint8Array][]> {
  const files: [string, Uint8Array][] = [];
  for (const name of BESIDE_WEIGHTS) {
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

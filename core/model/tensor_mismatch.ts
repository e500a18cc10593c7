/**
 * Why the tensors in a model's files are not those that its `config.json` describes, and what to do about it.
 *
 * @module
 */
import type { ModelConfig } from "./families.ts";

const HEAD = /^(?:lm_head|embed_out)\.weight$/;
const LAYER = /\.layers\.(\d+)\./;
/** Names that libraries give to the parts of quantized weights. */
const QUANTIZED =
  /\.(?:qweight|qzeros|scales|g_idx|weight_packed|weight_scale(?:_inv)?|absmax|quant_map|SCB)$|\.quant_state\./;
const ONE_MODEL = "use the config.json and the weights of the same model";

/**
 * The likely cause and the fix.
 *
 * @param missing tensors of the config that the files do not have.
 * @param extra tensors of the files that the config does not have.
 */
export function explainMismatch(
  config: Pick<ModelConfig, "num_hidden_layers">,
  { missing, extra }: { readonly missing: readonly string[]; readonly extra: readonly string[] },
): string {
  if (extra.some((name) => name.includes("lora_"))) {
    return "this is a LoRA adapter: merge it into its model with merge_and_unload() of peft, and save that";
  }
  if (extra.some((name) => QUANTIZED.test(name))) {
    return "these weights are quantized: use the model's original weights, in 16 or 32 bits";
  }
  if (missing.length > 0 && missing.every((name) => HEAD.test(name))) {
    return "if the model uses its embeddings as output matrix, set tie_word_embeddings to true in config.json";
  }
  const bare = (name: string) => name.replace(/^(?:model|gpt_neox)\./, "");
  const inner = missing.filter((name) => !HEAD.test(name));
  if (inner.length > 0 && inner.every((name) => extra.includes(bare(name)))) {
    return "these weights were saved without the output head: load them with AutoModelForCausalLM, and save that";
  }
  const layers = 1 +
    Math.max(...[...missing, ...extra].map((name) => Number(LAYER.exec(name)?.[1] ?? -1)));
  const { num_hidden_layers: wanted } = config;
  if (extra.length > 0 && layers > wanted) {
    return `config.json has num_hidden_layers ${wanted}, and the weights have ${layers} layers: ${ONE_MODEL}`;
  }
  if (extra.length > 0 && missing.length === 0 && extra.every((name) => name.endsWith(".bias"))) {
    return "config.json describes a model without these biases: check attention_bias there";
  }
  if (extra.length === 0 && missing.every((name) => LAYER.test(name))) {
    return `a file of the weights may be missing, or config.json is of another model: ${ONE_MODEL}`;
  }
  return `config.json describes another model: ${ONE_MODEL}`;
}

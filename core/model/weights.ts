/**
 * Weights in and out of safetensors, under Hugging Face's names.
 *
 * @module
 */
import { ParameterArrays, parameterSpecs } from "./parameters.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";

/** Names that other versions of transformers give to the same tensors. */
const ALIASES: Readonly<Record<string, string>> = { "lm_head.weight": "embed_out.weight" };

/** Buffers that old checkpoints carry and that are computed here. */
const IGNORED = /\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/;

/** Writes all parameters as safetensors. */
export function encodeParameters(parameters: ParameterArrays): Uint8Array {
  return writeSafetensors(
    parameterSpecs(parameters.config).map((spec) => ({ ...spec, data: parameters.get(spec.name) })),
  );
}

/**
 * Fills `parameters` from safetensors bytes.
 *
 * @param origin name of the file, for messages.
 * @throws {Error} when a tensor is missing, unknown, or of another shape.
 */
export function decodeParameters(
  parameters: ParameterArrays,
  file: Uint8Array,
  origin: string,
): void {
  const missing = new Map(parameterSpecs(parameters.config).map((spec) => [spec.name, spec.shape]));
  for (const tensor of readSafetensors(file, origin).values()) {
    const name = ALIASES[tensor.name] ?? tensor.name;
    if (IGNORED.test(name)) continue;
    const shape = missing.get(name);
    if (!shape) {
      throw new Error(`${origin} holds a tensor "${tensor.name}" that the model does not have`);
    }
    if (shape.join() !== tensor.shape.join()) {
      throw new Error(
        `${origin}: "${tensor.name}" has shape [${tensor.shape}], the config asks for [${shape}]`,
      );
    }
    parameters.get(name).set(tensor.data);
    missing.delete(name);
  }
  if (missing.size > 0) {
    const [first] = missing.keys();
    throw new Error(`${origin} lacks ${missing.size} tensors of the model, "${first}" among them`);
  }
}

/**
 * Weights in and out of safetensors, under Hugging Face's names.
 *
 * @module
 */
import { ParameterArrays, parameterSpecs } from "./parameters.ts";
import { type NamedTensor, readSafetensors, writeSafetensors } from "./safetensors.ts";

/** Names that other versions of transformers give to the same tensors. */
const ALIASES: Readonly<Record<string, string>> = { "lm_head.weight": "embed_out.weight" };

/** Buffers that old checkpoints carry and that are computed here. */
const IGNORED = /\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/;

/** All tensors in their Hugging Face names and layout; transposed ones are copies. */
export function namedTensors(parameters: ParameterArrays): NamedTensor[] {
  return parameterSpecs(parameters.config).map(({ name, shape, transposed }) => {
    const data = parameters.get(name);
    return { name, shape, data: transposed ? transpose(data, shape[1], shape[0]) : data };
  });
}

/** Writes all parameters as safetensors. */
export function encodeParameters(parameters: ParameterArrays): Uint8Array {
  return writeSafetensors(namedTensors(parameters));
}

/** Transposes a row-major matrix of so many rows and columns, in tiles that keep both sides in the cache. */
function transpose(data: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  const TILE = 32;
  for (let r0 = 0; r0 < rows; r0 += TILE) {
    for (let c0 = 0; c0 < columns; c0 += TILE) {
      const [r1, c1] = [Math.min(rows, r0 + TILE), Math.min(columns, c0 + TILE)];
      for (let c = c0; c < c1; c++) {
        for (let r = r0; r < r1; r++) result[c * rows + r] = data[r * columns + c];
      }
    }
  }
  return result;
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
  const missing = new Map(parameterSpecs(parameters.config).map((spec) => [spec.name, spec]));
  for (const tensor of readSafetensors(file, origin).values()) {
    const name = ALIASES[tensor.name] ?? tensor.name;
    if (IGNORED.test(name)) continue;
    const spec = missing.get(name);
    if (!spec) {
      throw new Error(`${origin} holds a tensor "${tensor.name}" that the model does not have`);
    }
    const { shape, transposed } = spec;
    if (shape.join() !== tensor.shape.join()) {
      throw new Error(
        `${origin}: "${tensor.name}" has shape [${tensor.shape}], the config asks for [${shape}]`,
      );
    }
    const { data } = tensor;
    if (!(data instanceof Float32Array)) {
      throw new Error(`${origin}: "${tensor.name}" is not float32`);
    }
    parameters.get(name).set(transposed ? transpose(data, shape[0], shape[1]) : data);
    missing.delete(name);
  }
  if (missing.size > 0) {
    const [first] = missing.keys();
    throw new Error(`${origin} lacks ${missing.size} tensors of the model, "${first}" among them`);
  }
}

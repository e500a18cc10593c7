/**
 * Weights in and out of safetensors, under Hugging Face's names.
 *
 * @module
 */
import { familyOf } from "./families.ts";
import type { ParameterSpec } from "./parameter_spec.ts";
import { ParameterArrays, parameterSpecs } from "./parameters.ts";
import { type NamedTensor, readSafetensors, writeSafetensors } from "./safetensors.ts";

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

/** Puts a tensor in the layout of files where it belongs in memory. */
export function setParameter(
  parameters: ParameterArrays,
  { name, shape, transposed }: ParameterSpec,
  data: Float32Array,
): void {
  parameters.get(name).set(transposed ? transpose(data, shape[0], shape[1]) : data);
}

/**
 * Fills `parameters` from safetensors bytes.
 *
 * @param origin name of the file, for messages.
 * @throws {Error} when a tensor is missing, unknown, of another shape, or there twice with different values.
 */
export function decodeParameters(
  parameters: ParameterArrays,
  file: Uint8Array,
  origin: string,
): void {
  const { aliases, ignored } = familyOf(parameters.config);
  const other_names = aliases(parameters.config);
  const specs = new Map(parameterSpecs(parameters.config).map((spec) => [spec.name, spec]));
  const missing = new Set(specs.keys());
  for (const tensor of readSafetensors(file, origin).values()) {
    const name = other_names[tensor.name] ?? tensor.name;
    if (ignored.test(name)) continue;
    const spec = specs.get(name);
    if (!spec) {
      throw new Error(`${origin} holds a tensor "${tensor.name}" that the model does not have`);
    }
    const { shape } = spec;
    if (shape.join() !== tensor.shape.join()) {
      throw new Error(
        `${origin}: "${tensor.name}" has shape [${tensor.shape}], the config asks for [${shape}]`,
      );
    }
    const { data } = tensor;
    if (!(data instanceof Float32Array)) {
      throw new Error(`${origin}: "${tensor.name}" is not float32`);
    }
    const stored = spec.transposed ? transpose(data, shape[0], shape[1]) : data;
    if (missing.delete(name)) parameters.get(name).set(stored);
    else if (stored.some((value, i) => value !== parameters.get(name)[i])) {
      const names = Object.keys(other_names).map((other) => `"${other}"`).join(", ");
      throw new Error(
        `${origin}: "${name}" and ${names} differ, which are one tensor of the model`,
      );
    }
  }
  if (missing.size > 0) {
    const [first] = missing;
    throw new Error(`${origin} lacks ${missing.size} tensors of the model, "${first}" among them`);
  }
}

/**
 * A model's weights where graphs can read them: in host memory, or on a device.
 *
 * @module
 */
import { type Device, type DeviceTensor, type Feeds, Transfer } from "../engine/mod.ts";
import type { ModelConfig } from "./families.ts";
import { storedShape } from "./parameter_spec.ts";
import { type ParameterArrays, parameterSpecs } from "./parameters.ts";

/** A model's weights where graphs can read them. */
export interface Weights {
  readonly config: ModelConfig;
  /** By Hugging Face name. */
  readonly feeds: Feeds;
  release(): void;
}

/** Weights for graphs on the CPU: the arrays themselves, not copied. */
export function hostWeights({ config, views }: ParameterArrays): Weights {
  return { config, feeds: Object.fromEntries(views), release: () => {} };
}

/** Copies weights to a device; for the CPU nothing is copied. */
export async function placeWeights(parameters: ParameterArrays, device: Device): Promise<Weights> {
  const { config } = parameters;
  if (device === "cpu") return hostWeights(parameters);
  const transfer = new Transfer(device);
  const tensors = await uploadAll(transfer, parameters);
  await transfer.release();
  return {
    config,
    feeds: Object.fromEntries(tensors),
    release: () => tensors.forEach((tensor) => tensor.release()),
  };
}

/** One device tensor for each parameter, by name. */
export async function uploadAll(
  transfer: Transfer,
  arrays: ParameterArrays,
): Promise<Map<string, DeviceTensor>> {
  const tensors = new Map<string, DeviceTensor>();
  for (const spec of parameterSpecs(arrays.config)) {
    const data = arrays.get(spec.name);
    const tensor = { data, dtype: "float32", shape: storedShape(spec) } as const;
    tensors.set(spec.name, await transfer.upload(tensor));
  }
  return tensors;
}

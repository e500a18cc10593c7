/**
 * Writing a model's weights as one safetensors file, tensor by tensor.
 *
 * @module
 */
import { sizeOf } from "../graph/mod.ts";
import type { OpenedModel } from "./model_files.ts";
import { safetensorsHeader } from "./safetensors.ts";

/**
 * Writes `model.safetensors` in float32, with the bytes that `encodeParameters` gives for the same weights. One tensor
 * at a time is in memory.
 *
 * @param path of the file, which is made anew.
 * @param onTensor called after each tensor with the number of them done and in all.
 */
export async function writeModelFile(
  { specs, read }: OpenedModel,
  path: string,
  onTensor: (done: number, total: number) => void = () => {},
): Promise<void> {
  const sorted = specs.toSorted((a, b) => a.name < b.name ? -1 : 1);
  const header = safetensorsHeader(sorted.map(({ name, shape }) => {
    return { name, shape, dtype: "F32", bytes: 4 * sizeOf(shape) };
  }));
  using file = await Deno.create(path);
  await writeAll(file, header);
  for (const [i, { name }] of sorted.entries()) {
    const { buffer, byteOffset, byteLength } = await read(name);
    await writeAll(file, new Uint8Array(buffer, byteOffset, byteLength));
    onTensor(i + 1, sorted.length);
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

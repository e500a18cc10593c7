/**
 * The thread that writes checkpoints. Started by `checkpoints.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { type CheckpointFiles, writeKept, writeTemporary } from "./checkpoint_files.ts";
import type { WriteReply, WriteRequest } from "./checkpoints.ts";
import { Store } from "./store.ts";

self.onmessage = async ({ data: request }: MessageEvent<WriteRequest>) => {
  try {
    const digests = await write(request);
    const { data, buffers } = request;
    self.postMessage({ data, digests } satisfies WriteReply, [...buffers]);
  } catch (error) {
    const { message = String(error), code } = error as { message?: string; code?: string };
    self.postMessage({ error: { message, code } } satisfies WriteReply);
  }
};

/** @returns digests of the objects that were stored. */
async function write(request: WriteRequest): Promise<string[]> {
  const { encoder, root, folder, step, keep, data } = request;
  const encode: (data: unknown) => CheckpointFiles = (await import(encoder)).default;
  const files = encode(data);
  if (keep) return writeKept(new Store(root), folder, step, files);
  writeTemporary(folder, step, files);
  return [];
}

/**
 * The thread that writes checkpoints. Started by `checkpoints.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { type CheckpointContent, CheckpointFolder } from "./checkpoint_files.ts";
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

let folder: CheckpointFolder | undefined;

/** @returns digests of the objects that were stored. */
async function write(request: WriteRequest): Promise<string[]> {
  const { encoder, root, step, keep, data, rows } = request;
  const encode: (data: unknown) => CheckpointContent["files"] = (await import(encoder)).default;
  const content = { step, files: encode(data), rows };
  folder ??= new CheckpointFolder(request.folder);
  if (keep) return folder.writeKept(new Store(root), content);
  folder.writeTemporary(content);
  return [];
}

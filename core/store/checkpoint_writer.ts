/**
 * Writes checkpoints in a Worker: encoding, hashing and flushing take nothing from the thread that trains.
 *
 * @module
 */
import type { CheckpointWriter, DeferredCheckpoint } from "../stage/mod.ts";

/** To the worker. */
export interface WriteRequest extends DeferredCheckpoint<unknown> {
  /** URL of the module whose default export makes the files. */
  readonly encoder: string;
  /** The store's folder, and the step's below it. */
  readonly root: string;
  readonly folder: string;
}

/** From the worker. */
export type WriteReply =
  | { readonly data: unknown; readonly digests: readonly string[] }
  | { readonly error: { readonly message: string; readonly code?: string } };

export class ThreadedWriter implements CheckpointWriter {
  readonly #worker = new Worker(new URL("./checkpoint_worker.ts", import.meta.url), {
    type: "module",
  });
  #pending: PromiseWithResolvers<WriteReply> | undefined;

  /** @param on_stored told the digests of the objects of a checkpoint that stays. */
  constructor(
    private readonly encoder: string,
    private readonly root: string,
    private readonly folder: string,
    private readonly on_stored: (digests: readonly string[]) => void,
  ) {
    this.#worker.onmessage = ({ data }: MessageEvent<WriteReply>) => this.#pending?.resolve(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#pending?.resolve({ error: { message: event.message } });
    };
  }

  async write<T>(checkpoint: DeferredCheckpoint<T>): Promise<T> {
    const { step, buffers } = checkpoint;
    if (this.#pending) throw new Error("another checkpoint is still being written: wait for it");
    this.#pending = Promise.withResolvers();
    try {
      const { encoder, root, folder } = this;
      const request: WriteRequest = { ...checkpoint, encoder, root, folder };
      this.#worker.postMessage(request, [...buffers]);
      const reply = await this.#pending.promise;
      if ("error" in reply) {
        const { message, code } = reply.error;
        const error = new Error(`the checkpoint of step ${step} could not be written: ${message}`);
        throw Object.assign(error, { code });
      }
      this.on_stored(reply.digests);
      return reply.data as T;
    } finally {
      this.#pending = undefined;
    }
  }

  close(): void {
    this.#worker.terminate();
    this.#pending?.resolve({ error: { message: "the writer was closed" } });
  }
}

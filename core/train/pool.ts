/**
 * Where a model is computed: in this thread, or in workers.
 *
 * @module
 */
import { type Compute, SessionPool, workerCount } from "../engine/mod.ts";
import { type ModelConfig, parameterCount } from "../model/mod.ts";

/** A pool for a model, with the number of workers that `compute` says or that suits the model. */
export function openPool(compute: Compute, model: ModelConfig): SessionPool {
  return SessionPool.open(compute, workerCount(compute, parameterCount(model)));
}

/** A pool that somebody else has, or one that is opened for the first model that is computed. */
export class ModelPool {
  #own: SessionPool | undefined;

  constructor(private readonly compute: Compute, private readonly shared?: SessionPool) {}

  of(model: ModelConfig): SessionPool {
    return this.shared ?? (this.#own ??= openPool(this.compute, model));
  }

  async release(): Promise<void> {
    await this.#own?.release();
  }
}

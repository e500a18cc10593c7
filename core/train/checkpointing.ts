/**
 * Checkpoints of a running phase. The training thread copies weights and moments into spare buffers and goes on;
 * encoding, hashing and flushing happen in the runner's writer thread.
 *
 * @module
 */
import { ParameterArrays } from "../model/mod.ts";
import type { Checkpoints, CheckpointWriter } from "../stage/mod.ts";
import type { TrainingArrays } from "./arrays.ts";
import { encodeCheckpoint, type TrainerState } from "./checkpoint.ts";
import type { Snapshot, Storage } from "./checkpoint_encoder.ts";
import type { MetricsHistory } from "./metrics.ts";

const ENCODER = new URL("./checkpoint_encoder.ts", import.meta.url).href;
const ARRAYS = ["parameters", "m", "v"] as const;

type Spare = Record<typeof ARRAYS[number], Storage>;

/** What a checkpoint is made of. */
export interface Standing {
  readonly arrays: TrainingArrays;
  readonly state: TrainerState;
  readonly history: MetricsHistory;
}

/**
 * Hands checkpoints to the writer, one at a time. While one is under way, one for resuming is put off to a later step,
 * and one that is kept waits; so at most one set of spare buffers is needed, and it is used again and again, since
 * fresh memory costs many times the copy.
 */
export class Checkpointing {
  #writer: CheckpointWriter | undefined;
  #spare: Spare | undefined;
  #under_way: Promise<void> | undefined;
  #error: { readonly reason: unknown } | undefined;
  #last_save = performance.now();

  constructor(private readonly checkpoints: Checkpoints) {}

  /** Whether a checkpoint is being written. */
  get is_busy(): boolean {
    return this.#under_way !== undefined;
  }

  /** Seconds since the last checkpoint was handed over. */
  get seconds(): number {
    return (performance.now() - this.#last_save) / 1000;
  }

  /**
   * Takes note of what the writer has to say. Its messages arrive only when this thread returns to its event loop,
   * which computing does not.
   *
   * @throws {Error} when a checkpoint could not be written.
   */
  async listen(): Promise<void> {
    if (this.is_busy) await new Promise((resolve) => setTimeout(resolve));
    this.#throwError();
  }

  /**
   * Waits until the last checkpoint is complete.
   *
   * @throws {Error} when it could not be written.
   */
  async settled(): Promise<void> {
    await this.#under_way;
    this.#throwError();
  }

  /**
   * Saves a checkpoint: returns when its arrays have been copied. Waits for the one before it.
   *
   * @param keep whether it becomes part of the output.
   * @param standing called when the writer is free; a device then brings its arrays down.
   */
  async save(keep: boolean, standing: () => Promise<Standing>): Promise<void> {
    await this.settled();
    const { arrays, state, history } = await standing();
    this.#last_save = performance.now();
    const { checkpoints } = this;
    const metrics = history.encode();
    if (!checkpoints.openWriter) {
      const files = { ...encodeCheckpoint(arrays, state), "metrics.json": metrics };
      return await checkpoints.save(state.step, files);
    }
    this.#writer ??= checkpoints.openWriter(ENCODER);
    const { steps, loss_scale, parameters: { config, decay_scope } } = arrays;
    const copies = this.#copy(arrays);
    const shape = { config, decay_scope };
    const data: Snapshot = { arrays: { ...copies, shape, steps, loss_scale }, state, metrics };
    const written = this.#writer.write({ step: state.step, keep, data, buffers: memory(copies) });
    this.#under_way = written.then(
      ({ arrays: { parameters, m, v } }) => void (this.#spare = { parameters, m, v }),
      (reason) => void (this.#error = { reason }),
    ).finally(() => this.#under_way = undefined);
  }

  /** Waits for the writer, whatever comes of it, and ends it. */
  async close(): Promise<void> {
    await this.#under_way;
    this.#writer?.close();
    this.#writer = this.#spare = undefined;
  }

  #copy(arrays: TrainingArrays): Spare {
    const spare = this.#spare ?? allocate(arrays.parameters);
    this.#spare = undefined;
    for (const name of ARRAYS) {
      spare[name].groups.decay.set(arrays[name].groups.decay);
      spare[name].groups.no_decay.set(arrays[name].groups.no_decay);
    }
    return spare;
  }

  #throwError(): void {
    if (this.#error) throw this.#error.reason;
  }
}

function allocate({ config, decay_scope }: ParameterArrays): Spare {
  const storage = (): Storage => {
    const { groups, views } = new ParameterArrays(config, decay_scope);
    return { groups, views };
  };
  return { parameters: storage(), m: storage(), v: storage() };
}

function memory(spare: Spare): ArrayBuffer[] {
  return ARRAYS.flatMap((name) =>
    Object.values(spare[name].groups).map(({ buffer }) => buffer as ArrayBuffer)
  );
}

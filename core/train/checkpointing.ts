/**
 * Checkpoints of a running phase: which are kept, and how they are written. The training thread copies weights and
 * moments into spare buffers and continues; encoding, hashing and flushing happen in the runner's writer thread.
 *
 * @module
 */
import { z } from "zod";
import { count, positive_int } from "../config/mod.ts";
import { ParameterArrays } from "../model/mod.ts";
import type { Checkpoints, CheckpointWriter, NewRows } from "../stage/mod.ts";
import { encodeCheckpoint, type TrainerState } from "./checkpoint.ts";
import type { TrainingArrays } from "./trainer.ts";

/**
 * Config fields of stages that train. Steps are counted as in the metrics: over the whole run, earlier phases included.
 */
export const checkpointing_fields = {
  /** Steps whose checkpoints are kept; the step at which the phase starts may be one of them. */
  keep_steps: z.array(count).default([]),
  /** Keeps a checkpoint at every multiple of this. */
  keep_every_steps: positive_int.optional(),
  /** Keeps only this many of the multiples of `keep_every_steps`, the last ones. */
  keep_last: positive_int.optional(),
};

export type KeepOptions = Partial<z.output<z.ZodObject<typeof checkpointing_fields>>>;

/**
 * Steps whose checkpoints are kept, ascending. The length of a phase is known before its first step, so those that
 * `keep_last` drops are never written.
 *
 * @param start step of the run at which the phase begins.
 * @param steps length of the phase.
 * @throws {Error} when a step is outside the phase, or `keep_last` is set without `keep_every_steps`.
 *
 * @example
 * ```ts
 * import { keptSteps } from "./mod.ts";
 * import assert from "node:assert/strict";
 * const options = { keep_steps: [50], keep_every_steps: 100, keep_last: 2 };
 * assert.deepEqual(keptSteps(options, 0, 450), [50, 300, 400]);
 * ```
 */
export function keptSteps(options: KeepOptions, start: number, steps: number): number[] {
  const { keep_steps = [], keep_every_steps: every, keep_last } = options;
  const end = start + steps;
  const outside = keep_steps.find((step) => step < start || step > end);
  if (outside !== undefined) {
    throw new Error(
      `keep_steps: step ${outside} is outside this phase, steps ${start} to ${end}`,
    );
  }
  if (every === undefined && keep_last !== undefined) {
    throw new Error("keep_last needs keep_every_steps: it says how many of those are kept");
  }
  const regular: number[] = [];
  if (every !== undefined) {
    for (let step = every * (Math.floor(start / every) + 1); step <= end; step += every) {
      regular.push(step);
    }
  }
  const last = keep_last === undefined ? regular : regular.slice(-keep_last);
  return [...new Set([...keep_steps, ...last])].sort((a, b) => a - b);
}

type Buffer = Pick<ParameterArrays, "groups" | "views">;

/** The memory of weights and moments, and of the average where there is one, without methods. */
type Buffers = Record<"parameters" | "m" | "v", Buffer> & { average?: Buffer };

/** What a checkpoint is made from, as plain data that crosses threads. */
export interface Snapshot {
  readonly arrays: Buffers & Pick<TrainingArrays, "steps" | "loss_scale"> & {
    readonly shape: Pick<ParameterArrays, "config" | "decay_scope">;
  };
  readonly state: TrainerState;
  /** Content of `config.json`. */
  readonly config_json: object;
}

/**
 * The files of a checkpoint of an unfinished phase. The thread that writes checkpoints loads this module and calls its
 * default export.
 */
export default function encodeSnapshot(
  { arrays: { shape, steps, loss_scale, ...buffers }, state, config_json }: Snapshot,
): Record<string, Uint8Array> {
  const withMethods = (buffer: Buffer) =>
    // The memory that the constructor allocates is never touched.
    Object.assign(new ParameterArrays(shape.config, shape.decay_scope), buffer);
  const { average } = buffers;
  const arrays = {
    parameters: withMethods(buffers.parameters),
    m: withMethods(buffers.m),
    v: withMethods(buffers.v),
    ...(average && { average: withMethods(average) }),
  };
  return encodeCheckpoint({ ...arrays, steps, loss_scale }, state, config_json);
}

/**
 * Hands checkpoints to the writer, one at a time. While one is being written, one for resuming is postponed to a later
 * step and one that is kept waits; so one set of spare buffers is enough. It is reused, since new memory costs many
 * times the copy.
 */
export class Checkpointing {
  #writer: CheckpointWriter | undefined;
  #spare: Buffers | undefined;
  #writing: Promise<void> | undefined;
  #error: { readonly reason: unknown } | undefined;
  #last_save = performance.now();

  constructor(private readonly checkpoints: Checkpoints) {}

  /** Whether a checkpoint is being written. */
  get is_busy(): boolean {
    return this.#writing !== undefined;
  }

  /** Seconds since the last checkpoint was saved. */
  get seconds(): number {
    return (performance.now() - this.#last_save) / 1000;
  }

  /**
   * Receives the writer's messages, which arrive only when this thread returns to its event loop; computing does not.
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
    await this.#writing;
    this.#throwError();
  }

  /**
   * Saves a checkpoint: returns when its arrays have been copied. Waits for the one before it.
   *
   * @param keep whether it becomes part of the output.
   * @param current called when the writer is free; a device then downloads its arrays.
   */
  async save(
    keep: boolean,
    current: () => Promise<
      Omit<Snapshot, "arrays"> & { arrays: TrainingArrays; rows: NewRows }
    >,
  ): Promise<void> {
    await this.settled();
    const { arrays, rows, ...rest } = await current();
    this.#last_save = performance.now();
    const { checkpoints } = this, { state, config_json } = rest;
    if (!checkpoints.openWriter) {
      return await checkpoints.save(state.step, encodeCheckpoint(arrays, state, config_json), rows);
    }
    this.#writer ??= checkpoints.openWriter(import.meta.url);
    const { steps, loss_scale, parameters: { config, decay_scope } } = arrays;
    const copies = this.#copy(arrays), shape = { config, decay_scope };
    const data: Snapshot = { arrays: { ...copies, shape, steps, loss_scale }, ...rest };
    // The copies are shared memory, of which nothing has to be transferred.
    const written = this.#writer.write({ step: state.step, keep, data, buffers: [], rows });
    this.#writing = written.then(
      ({ arrays: { parameters, m, v, average } }) =>
        void (this.#spare = { parameters, m, v, ...(average && { average }) }),
      (reason) => void (this.#error = { reason }),
    ).finally(() => this.#writing = undefined);
  }

  /** Waits for the writer, even if it fails, and ends it. */
  async close(): Promise<void> {
    await this.#writing;
    this.#writer?.close();
    this.#writer = this.#spare = undefined;
  }

  #copy(arrays: TrainingArrays): Buffers {
    const { parameters, m, v, average } = arrays;
    const spare = this.#spare ?? allocate(arrays);
    this.#spare = undefined;
    copyGroups(spare.parameters, parameters);
    copyGroups(spare.m, m);
    copyGroups(spare.v, v);
    if (average) copyGroups(spare.average!, average);
    return spare;
  }

  #throwError(): void {
    if (this.#error) throw this.#error.reason;
  }
}

function copyGroups(to: Buffer, from: Buffer): void {
  to.groups.decay.set(from.groups.decay);
  to.groups.no_decay.set(from.groups.no_decay);
}

function allocate({ parameters: { config, decay_scope }, average }: TrainingArrays): Buffers {
  const make = (): Buffer => {
    const { groups, views } = new ParameterArrays(config, decay_scope);
    return { groups, views };
  };
  return { parameters: make(), m: make(), v: make(), ...(average && { average: make() }) };
}

/**
 * What a running stage is given. These are interfaces only; the runner implements them.
 *
 * @module
 */
import type { Batch, ColumnData, Columns, ListColumn } from "./columns.ts";
import type {
  FilesPort,
  InputPorts,
  ManyPort,
  OptionalPort,
  OutputPorts,
  TablePort,
} from "./ports.ts";
import type { Ranks } from "./ranks.ts";

/** Reads one table artifact. */
export interface TableInput<C extends Columns = Columns> {
  /** Number of rows. */
  readonly rows: number;
  /** Digest (SHA-256, hex) of the artifact: equal digests mean equal content. */
  readonly digest: string;
  /** Streams the table in record batches, in order. Columns that are not asked for are not read. */
  batches<K extends keyof C & string>(columns?: readonly K[]): AsyncIterable<Batch<Pick<C, K>>>;
  /** One whole column, its batches concatenated. */
  column<K extends keyof C & string>(name: K): Promise<ColumnData<C[K]>>;
  /** Random access to a list column, of which only what is asked for is read. */
  list<K extends ListNames<C>>(name: K): Promise<ListReader<ColumnData<C[K]>>>;
}

/** Names of a table's list columns. */
export type ListNames<C extends Columns> =
  & keyof {
    [K in keyof C as C[K] extends `list<${string}>` ? K : never]: true;
  }
  & string;

/**
 * The lists of a column, one after the other. Nothing is held open between calls, and little in memory,
 * however large the table.
 *
 * @typeParam L the column's form in memory, `ListColumn<Uint16Array>` for example.
 */
export interface ListReader<L> {
  /** Values in all rows together. */
  readonly length: number;
  /** [end - start + 1] places among all values at which rows `start` to `end` begin, and the last one ends. */
  offsets(start: number, end: number): Float64Array;
  /** Values `start` to `end`, a copy. */
  read(start: number, end: number): L extends ListColumn<infer Values> ? Values : never;
}

/** Reads one set of files. */
export interface FilesInput {
  readonly digest: string;
  /** Names of the files, sorted. */
  readonly names: readonly string[];
  /** Path of a file on disk, for readers that seek or map. The file must not be changed. */
  path(name: string): string;
  /** @throws {Error} naming the file and the artifact when there is no such file. */
  bytes(name: string): Promise<Uint8Array<ArrayBuffer>>;
  text(name: string): Promise<string>;
}

/** Appends rows to one table artifact. */
export interface TableOutput<C extends Columns = Columns> {
  /** Appends a block of rows. All columns must be present and of equal length. */
  write(batch: Batch<C>): Promise<void>;
}

/** Adds files to one set of files. */
export interface FilesOutput {
  /**
   * Writes one file. A name can be written once; sub-folders are written as "figures/loss.svg".
   *
   * @param content bytes, text, or the path of a file on disk, such as one of an input, whose content is taken over
   * without being held in memory.
   */
  write(name: string, content: Uint8Array | string | FileOnDisk): Promise<void>;
}

/** A file that is not changed any more. */
export interface FileOnDisk {
  readonly path: string;
}

type Input<P> = P extends TablePort<infer C> ? TableInput<C>
  : P extends FilesPort ? FilesInput
  : P extends ManyPort<infer Q> ? Readonly<Record<string, Input<Q>>>
  : P extends OptionalPort<infer Q> ? Input<Q> | undefined
  : never;

type Output<P> = P extends TablePort<infer C> ? TableOutput<C> : P extends FilesPort ? FilesOutput
: never;

export type Inputs<I extends InputPorts> = { readonly [K in keyof I]: Input<I[K]> };
export type Outputs<O extends OutputPorts> = { readonly [K in keyof O]: Output<O[K]> };

/** A checkpoint that an earlier, interrupted run of this very step left behind. */
export interface SavedCheckpoint {
  readonly step: number;
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** A checkpoint that stays: its files can be put on an output. */
export interface KeptCheckpoint extends SavedCheckpoint {
  /** Names of its files. */
  readonly names: readonly string[];
  /** Path of a file on disk. The file must not be changed. */
  path(name: string): string;
}

/** A checkpoint whose files another thread makes. */
export interface DeferredCheckpoint<T> {
  readonly step: number;
  /** Whether it stays, or lets an interrupted run go on and gives way to the next. */
  readonly keep: boolean;
  /** What the encoder takes: data that can be cloned. */
  readonly data: T;
  /** Memory of `data` that is handed over instead of being copied. */
  readonly buffers: readonly ArrayBuffer[];
}

/** Writes checkpoints in a thread of its own, one at a time. */
export interface CheckpointWriter {
  /**
   * Hands a checkpoint over and returns at once.
   *
   * @returns its data, handed back, when the checkpoint is complete.
   * @throws {Error} naming the step when it cannot be written. Earlier checkpoints are as they were.
   */
  write<T>(checkpoint: DeferredCheckpoint<T>): Promise<T>;
  /** Ends the thread. A checkpoint that is under way is lost: wait for it first. */
  close(): void;
}

/**
 * Checkpoints of the running step: they let an interrupted run go on, and are removed once it has finished.
 * What a later step needs belongs on an output port; kept checkpoints are put on one without being copied.
 */
export interface Checkpoints {
  /** The newest complete checkpoint, kept ones included, or undefined on a fresh start. */
  latest(): Promise<SavedCheckpoint | undefined>;
  /** Writes all files, then makes the checkpoint visible in one rename; older ones are removed. */
  save(step: number, files: Readonly<Record<string, Uint8Array>>): Promise<void>;
  /** Complete checkpoints of this step that stay, in order, of interrupted runs too. */
  kept?(): Promise<readonly KeptCheckpoint[]>;
  /**
   * Starts a thread that writes checkpoints.
   *
   * @param encoder URL of a module whose default export makes the files, by name, from a checkpoint's data.
   */
  openWriter?(encoder: string): CheckpointWriter;
}

/** Named measurements at one point of a stage: `{ loss: 3.2, learning_rate: 1e-3 }`. */
export type Metrics = Readonly<Record<string, number>>;

export interface StageContext<C, I extends InputPorts, O extends OutputPorts> {
  /** The validated config, defaults filled in. */
  readonly config: C;
  readonly inputs: Inputs<I>;
  readonly outputs: Outputs<O>;
  /** Seed of this step. Every random choice derives from it. */
  readonly seed: number;
  /** Aborted when the run is asked to stop: checkpoint, then throw `signal.reason`. */
  readonly signal: AbortSignal;
  readonly checkpoints: Checkpoints;
  /**
   * Reports progress: `step` of `total` are done. Metrics go to the terminal, the event log and the status
   * endpoint, never into artifacts, so timings belong here (`tokens_per_second`).
   */
  report(step: number, metrics?: Metrics, total?: number): void;
  /** One line for the person watching, kept in the event log. */
  log(message: string): void;
  /** The processes that run this step together; undefined where it is one. */
  readonly ranks?: Ranks;
  /** What the recipe wants to see of a model in training. It must change no result. */
  readonly samples?: SampleSettings;
  /** Shows what a model went on with after a prompt when `step` were done, to whoever watches the run. */
  showSample?(step: number, sample: { readonly prompt: string; readonly text: string }): void;
}

/** Texts that a model in training is to go on with. */
export interface SampleSettings {
  readonly prompts: readonly string[];
  readonly max_new_tokens: number;
  /** 0 takes the likeliest token each time. */
  readonly temperature: number;
}

/** The part of a context that looking, without running, needs. */
export type InspectContext<C, I extends InputPorts> = Pick<
  StageContext<C, I, Record<never, never>>,
  "config" | "inputs" | "seed" | "log"
>;

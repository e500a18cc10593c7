/**
 * What a running stage gets: inputs, outputs, checkpoints, progress. Interfaces only; the runner implements them.
 *
 * @module
 */
import type {
  Batch,
  ColumnData,
  Columns,
  FilesPort,
  InputPorts,
  ListColumn,
  ManyPort,
  OptionalPort,
  OutputPorts,
  TablePort,
} from "./ports.ts";

/** Reads one table artifact. */
export interface TableInput<C extends Columns = Columns> {
  /** Number of rows. */
  readonly rows: number;
  /** Digest (SHA-256, hex) of the artifact: equal digests mean equal content. */
  readonly digest: string;
  /**
   * Fingerprint of the tokenizer that its token ids, or what was measured on them, are of; undefined where that is unknown.
   * The runner derives it from the tokenizers and tables that a step reads and writes.
   */
  readonly tokenizer?: string;
  /** Streams the table in record batches, in order. Only the columns asked for are read. */
  batches<K extends keyof C & string>(columns?: readonly K[]): AsyncIterable<Batch<Pick<C, K>>>;
  /** One whole column. */
  column<K extends keyof C & string>(name: K): Promise<ColumnData<C[K]>>;
  /** Random access to a list column; only the requested rows are read. */
  list<K extends ListNames<C>>(name: K): Promise<ListReader<ColumnData<C[K]>>>;
}

/** Names of a table's list columns. */
export type ListNames<C extends Columns> =
  & keyof {
    [K in keyof C as C[K] extends `list<${string}>` ? K : never]: true;
  }
  & string;

/**
 * The lists of a column, concatenated. No file stays open between calls, and memory use is small however large the
 * table is.
 *
 * @typeParam L the column's form in memory, `ListColumn<Uint16Array>` for example.
 */
export interface ListReader<L> {
  /** Values in all rows together. */
  readonly length: number;
  /** [end - start + 1] offsets of rows `start` to `end` among all values. */
  offsets(start: number, end: number): Float64Array;
  /** Values `start` to `end`, a copy. */
  read(start: number, end: number): L extends ListColumn<infer Values> ? Values : never;
}

/** Reads one set of files. */
export interface FilesInput {
  readonly digest: string;
  /** Names of the files, sorted. */
  readonly names: readonly string[];
  /** Path of a file on disk, for readers that seek or memory-map. The file must not be changed. */
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
   * @param content bytes, text, or a file on disk, such as one of an input, which is stored without being loaded into
   *   memory.
   */
  write(name: string, content: Uint8Array | string | FileOnDisk): Promise<void>;
}

/** A file that does not change any more. */
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

/** A checkpoint of an earlier, interrupted run of the same step. */
export interface SavedCheckpoint {
  readonly step: number;
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** A checkpoint that is kept: its files can be written to an output. */
export interface KeptCheckpoint extends SavedCheckpoint {
  /** Names of its files. */
  readonly names: readonly string[];
  /** Path of a file on disk. The file must not be changed. */
  path(name: string): string;
}

/** A checkpoint whose files another thread encodes. */
export interface DeferredCheckpoint<T> {
  readonly step: number;
  /** Whether it is kept; otherwise the next checkpoint replaces it. */
  readonly keep: boolean;
  /** Input of the encoder: data that can be cloned. */
  readonly data: T;
  /** Buffers of `data` that are transferred instead of copied. */
  readonly buffers: readonly ArrayBuffer[];
  readonly rows?: NewRows;
}

/**
 * What a checkpoint adds to a file that only grows, such as a log of measurements: each checkpoint has the whole file as
 * it was then, but writes only what is new, so that many checkpoints do not write the same rows again and again.
 */
export interface NewRows {
  /** Name of the file, for `read`. It is not among the checkpoint's `names`. */
  readonly name: string;
  /** Bytes of the file before these; an earlier checkpoint of the step wrote them. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Writes checkpoints in a thread of its own, one at a time. */
export interface CheckpointWriter {
  /**
   * Starts writing a checkpoint.
   *
   * @returns its data, transferred back, once the checkpoint is complete.
   * @throws {Error} naming the step when it cannot be written. Earlier checkpoints are unchanged.
   */
  write<T>(checkpoint: DeferredCheckpoint<T>): Promise<T>;
  /** Ends the thread. An unfinished checkpoint is lost: wait for it first. */
  close(): void;
}

/**
 * Checkpoints of the running step. An interrupted run resumes from them; they are removed when the step finishes. Data
 * for later steps belongs on an output port; kept checkpoints can be written to one without being copied.
 */
export interface Checkpoints {
  /** The newest complete checkpoint, kept ones included, or undefined on a fresh start. */
  latest(): Promise<SavedCheckpoint | undefined>;
  /** Writes all files, then makes the checkpoint visible by one rename; older ones are removed. */
  save(step: number, files: Readonly<Record<string, Uint8Array>>, rows?: NewRows): Promise<void>;
  /** Complete kept checkpoints of this step, in order, including those of interrupted runs. */
  kept?(): Promise<readonly KeptCheckpoint[]>;
  /**
   * Starts a thread that writes checkpoints.
   *
   * @param encoder URL of a module whose default export returns the files, by name, for a checkpoint's data.
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
   * Reports progress: `step` of `total` are done. Metrics go to the terminal, the event log and the status server, never
   * into artifacts, so timings belong here (`tokens_per_second`).
   */
  report(step: number, metrics?: Metrics, total?: number): void;
  /** Adds a line to the event log and the terminal. */
  log(message: string): void;
  /** The processes that run this step together; undefined where it is one. */
  readonly ranks?: Ranks;
  /** Samples that the recipe wants to see while a model trains. They must not change any result. */
  readonly samples?: SampleSettings;
  /** Shows text that the model generated from a prompt after `step` steps. */
  showSample?(step: number, sample: { readonly prompt: string; readonly text: string }): void;
}

/** Samples to generate while a model trains. */
export interface SampleSettings {
  readonly prompts: readonly string[];
  readonly max_new_tokens: number;
  /** 0 always picks the most likely token. */
  readonly temperature: number;
}

/** The part of a context that `inspect` gets. */
export type InspectContext<C, I extends InputPorts> = Pick<
  StageContext<C, I, Record<never, never>>,
  "config" | "inputs" | "seed" | "log"
>;

/** The processes that run a step together. All have to call the same collectives in the same order. */
export interface Ranks {
  /** Index of this process, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Whether each rank keeps the optimizer's moments of only a part of the parameters (ZeRO stage 1). */
  readonly shard_optimizer?: boolean;
  /** Sums over all ranks, in place; every rank gets the same bits. */
  allReduceSum(data: Float32Array | Float64Array): void;
  /** Sends the bytes of rank `root` to all ranks. */
  broadcast(bytes: Uint8Array, root: number): void;
}

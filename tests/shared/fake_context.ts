/**
 * A stage context in memory, for tests of stages and plugins.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { issueText } from "@causeway/core/words";
import {
  type Batch,
  type Columns,
  type ColumnType,
  type FileOnDisk,
  type FilesInput,
  type FilesPort,
  type InputPort,
  type InputPorts,
  type Inputs,
  type ListColumn,
  type ListReader,
  type ManyPort,
  type Metrics,
  nullableElement,
  type OptionalPort,
  type OutputPorts,
  type Outputs,
  type Port,
  refuseNaN,
  type Stage,
  type StageContext,
  type TableInput,
  type TablePort,
} from "@causeway/core/stage";

/** Input of a test: columns of a table, or file contents by name. */
export type FakeInput<P extends InputPort> = P extends TablePort<infer C> ? Batch<C>
  : P extends FilesPort ? Readonly<Record<string, string | Uint8Array>>
  : P extends ManyPort<infer Q> ? Readonly<Record<string, FakeInput<Q>>>
  : P extends OptionalPort<infer Q> ? FakeInput<Q> | undefined
  : never;

/** Inputs by port; optional ones may be missing. */
export type FakeInputs<I extends InputPorts> =
  & { [K in keyof I as I[K] extends MayBeMissing ? never : K]: FakeInput<I[K]> }
  & { [K in keyof I as I[K] extends MayBeMissing ? K : never]?: FakeInput<I[K]> };

type MayBeMissing = OptionalPort | ManyPort<Port, 0>;

/** Outputs of a stage: whole tables, and file contents by name. */
export type Collected<O extends OutputPorts> = {
  readonly [K in keyof O]: O[K] extends TablePort<infer C> ? Batch<C>
    : ReadonlyMap<string, Uint8Array>;
};

export interface FakeContext<C, I extends InputPorts, O extends OutputPorts> {
  readonly ctx: StageContext<C, I, O>;
  /** Everything written so far; call it after `run`. */
  collected(): Collected<O>;
  readonly reports: { step: number; metrics?: Metrics; total?: number }[];
  readonly logs: string[];
  /** Aborts `ctx.signal`. */
  abort(reason?: unknown): void;
}

/**
 * Makes a context for a stage: validates the config with its schema, serves inputs from memory, and collects outputs,
 * reports, log lines and checkpoints in memory.
 *
 * @throws {Error} if the config is invalid.
 *
 * @example
 * ```ts ignore
 * const fake = await fakeContext(stage, { config: { rows: 3 }, inputs: { table: { x: Int32Array.of(1) } } });
 * await stage.run(fake.ctx);
 * assert.equal(fake.collected().out.x.length, 3);
 * ```
 */
export async function fakeContext<
  S extends StandardSchemaV1,
  I extends InputPorts,
  O extends OutputPorts,
>(
  stage: Stage<S, I, O>,
  options: { config: StandardSchemaV1.InferInput<S>; inputs: FakeInputs<I>; seed?: number },
): Promise<FakeContext<StandardSchemaV1.InferOutput<S>, I, O>> {
  const controller = new AbortController();
  const reports: { step: number; metrics?: Metrics; total?: number }[] = [];
  const logs: string[] = [];
  const sinks = Object.entries(stage.outputs).map(([name, port]) => {
    return [name, port.kind === "table" ? new TableSink(port.columns) : new FilesSink()] as const;
  });
  const given = options.inputs as Readonly<Record<string, unknown>>;
  const inputs = Object.entries(stage.inputs).map(([name, port]) => {
    return [name, serve(port, given[name], `input "${name}" of stage ${stage.name}`)];
  });
  return {
    ctx: {
      config: await validate(stage.config, options.config),
      inputs: Object.fromEntries(inputs) as Inputs<I>,
      outputs: Object.fromEntries(sinks) as unknown as Outputs<O>,
      seed: options.seed ?? 0,
      signal: controller.signal,
      checkpoints: memoryCheckpoints(),
      report: (step, metrics, total) => void reports.push({ step, metrics, total }),
      log: (message) => void logs.push(message),
    },
    collected: () =>
      Object.fromEntries(sinks.map(([name, sink]) => [name, sink.content()])) as Collected<O>,
    reports,
    logs,
    abort: (reason) => controller.abort(reason),
  };
}

/** Validates a config like the runner does. @throws {Error} listing the issues with their paths. */
async function validate<S extends StandardSchemaV1>(
  schema: S,
  config: unknown,
): Promise<StandardSchemaV1.InferOutput<S>> {
  const result = await schema["~standard"].validate(config);
  if (!result.issues) return result.value as StandardSchemaV1.InferOutput<S>;
  throw new Error(result.issues.map((issue) => issueText(issue, "config")).join("; "));
}

function serve(port: InputPort, given: unknown, where: string): unknown {
  if (port.kind === "optional") {
    return given === undefined ? undefined : serve(port.port, given, where);
  }
  if (port.kind === "many" && port.at_least === 0) given ??= {};
  if (given === undefined) throw new Error(`${where} is missing`);
  if (port.kind === "many") {
    const entries = Object.entries(given as Record<string, unknown>);
    return Object.fromEntries(entries.map(([name, one]) => [name, serve(port.port, one, where)]));
  }
  return port.kind === "table"
    ? tableInput(port.columns, given as Batch<Columns>)
    : filesInput(given as Record<string, string | Uint8Array>);
}

/** Tables so far: each has a digest of its own. */
let tables = 0;

/** A table input over rows in memory. */
export function tableInput<C extends Columns>(columns: C, content: Batch<C>): TableInput<C> {
  return {
    rows: rowCount(columns, content),
    digest: String(tables++).padStart(64, "0"),
    async *batches<K extends keyof C & string>(names?: readonly K[]) {
      const wanted = names ?? Object.keys(columns) as K[];
      yield Object.fromEntries(wanted.map((name) => [name, content[name]])) as Batch<Pick<C, K>>;
    },
    column: (name) => Promise.resolve(content[name]),
    list: (name) => Promise.resolve(listInMemory(content[name] as never)),
  };
}

function listInMemory({ values, offsets }: ListColumn<Uint16Array>): ListReader<never> {
  return {
    length: values.length,
    offsets: (start, end) => Float64Array.from(offsets.subarray(start, end + 1)),
    read: (start, end) => values.slice(start, end) as never,
  };
}

function filesInput(contents: Readonly<Record<string, string | Uint8Array>>): FilesInput {
  let folder: string | undefined;
  const bytes = (name: string): Uint8Array<ArrayBuffer> => {
    const content = contents[name];
    if (content === undefined) throw new Error(`no file "${name}" in the fake files input`);
    return typeof content === "string" ? new TextEncoder().encode(content) : content.slice();
  };
  return {
    digest: "0".repeat(64),
    names: Object.keys(contents).sort(),
    path(name) {
      folder ??= mkdtempSync(join(tmpdir(), "causeway-fake-"));
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), bytes(name));
      return join(folder, name);
    },
    bytes: (name) => Promise.resolve(bytes(name)),
    text: (name) => Promise.resolve(new TextDecoder().decode(bytes(name))),
  };
}

class TableSink {
  #all: Batch<Columns>;
  constructor(readonly columns: Columns) {
    this.#all = emptyBatch(columns);
  }
  write(batch: Batch<Columns>): Promise<void> {
    rowCount(this.columns, batch);
    refuseNaN(this.columns, batch, rowCount(this.columns, this.#all));
    // Copied like into a file, because a stage may reuse its buffers.
    this.#all = concatBatches(this.columns, [this.#all, batch]);
    return Promise.resolve();
  }
  content(): Batch<Columns> {
    return this.#all;
  }
}

class FilesSink {
  readonly #files = new Map<string, Uint8Array>();
  write(name: string, content: Uint8Array | string | FileOnDisk): Promise<void> {
    if (this.#files.has(name)) throw new Error(`file "${name}" is written twice`);
    if (typeof content === "string") content = new TextEncoder().encode(content);
    const bytes = "path" in content ? readFileSync(content.path) : content;
    this.#files.set(name, Uint8Array.from(bytes));
    return Promise.resolve();
  }
  content(): ReadonlyMap<string, Uint8Array> {
    return this.#files;
  }
}

function memoryCheckpoints(): StageContext<unknown, InputPorts, OutputPorts>["checkpoints"] {
  let saved: { step: number; files: Map<string, Uint8Array<ArrayBuffer>> } | undefined;
  return {
    latest() {
      const { step, files } = saved ?? { step: 0, files: undefined };
      if (files === undefined) return Promise.resolve(undefined);
      return Promise.resolve({ step, read: (name) => Promise.resolve(files.get(name)!.slice()) });
    },
    save(step, files, rows) {
      const copies = new Map(Object.entries(files).map(([name, bytes]) => [name, bytes.slice()]));
      if (rows) {
        const before = saved?.files.get(rows.name)?.subarray(0, rows.at) ?? [];
        copies.set(rows.name, Uint8Array.from([...before, ...rows.bytes]));
      }
      saved = { step, files: copies };
      return Promise.resolve();
    },
  };
}

const ARRAYS = {
  bool: Uint8Array,
  int32: Int32Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

type Numbers = Uint8Array | Int32Array | Uint16Array | Uint32Array | Float32Array | Float64Array;
type Column = Numbers | string[] | (number | null)[] | ListColumn<Numbers>;

/** A table without rows. */
export function emptyBatch(columns: Columns): Batch<Columns> {
  return concatBatches(columns, []);
}

/**
 * Number of rows.
 *
 * @throws {Error} if a column is missing, unknown, of the wrong type or of another length.
 */
function rowCount(columns: Columns, batch: Batch<Columns>): number {
  const unknown = Object.keys(batch).filter((name) => !(name in columns));
  if (unknown.length > 0) throw new Error(`unknown column ${unknown.join(", ")}`);
  const rows = Object.entries(columns).map(([name, type]) => columnRows(name, type, batch[name]));
  if (new Set(rows).size > 1) throw new Error(`columns have different lengths: ${rows.join(", ")}`);
  return rows[0] ?? 0;
}

function columnRows(name: string, type: ColumnType, column: Column | undefined): number {
  const fail = () => new Error(`column "${name}" is not ${type}`);
  if (column === undefined) throw new Error(`column "${name}" is missing`);
  if (isArray(type)) {
    if (!Array.isArray(column)) throw fail();
    return column.length;
  }
  if (!type.startsWith("list<")) {
    if (!(column instanceof arrayOf(type))) throw fail();
    return column.length;
  }
  const { values, offsets } = column as ListColumn<Numbers>;
  if (!(values instanceof arrayOf(type, values)) || offsets.at(-1) !== values.length) throw fail();
  return offsets.length - 1;
}

/** Whether columns of a type are plain arrays. */
function isArray(type: ColumnType): boolean {
  return type === "utf8" || nullableElement(type) !== undefined;
}

/** Concatenates tables by copying. */
function concatBatches(
  columns: Columns,
  batches: readonly Batch<Columns>[],
): Batch<Columns> {
  const joined = Object.entries(columns).map(([name, type]) => {
    const parts = batches.map((batch) => batch[name] as Column);
    if (isArray(type)) return [name, (parts as unknown[][]).flat()];
    if (!type.startsWith("list<")) return [name, concatNumbers(type, parts as Numbers[])];
    const lists = parts as ListColumn<Numbers>[];
    const values = concatNumbers(type, lists.map((list) => list.values));
    return [name, { values, offsets: joinOffsets(lists) }];
  });
  return Object.fromEntries(joined);
}

/** @param sample an array of the column, for columns that may have one of two element types */
function arrayOf(type: ColumnType, sample?: unknown) {
  if (type === "list<uint16|uint32>") {
    return sample instanceof Uint32Array ? Uint32Array : Uint16Array;
  }
  return ARRAYS[type.replace(/^list<(.*)>$/, "$1") as keyof typeof ARRAYS];
}

function concatNumbers(type: ColumnType, parts: readonly Numbers[]): Numbers {
  const sample = parts.findLast((part) => part.length > 0);
  const joined = new (arrayOf(type, sample))(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function joinOffsets(lists: readonly ListColumn<Numbers>[]): Int32Array {
  const offsets = [0];
  for (const list of lists) {
    const base = offsets.at(-1)!;
    for (const offset of list.offsets.subarray(1)) offsets.push(base + offset);
  }
  return Int32Array.from(offsets);
}

/**
 * Compiled graphs, run by ONNX Runtime. This folder is the only one that uses onnxruntime-node.
 *
 * @module
 */
import {
  type DType,
  formatShape,
  type Graph,
  lowerToOnnx,
  type Shape,
  sizeOf,
} from "../graph/mod.ts";
import { cString, type Handle, OrtLibrary } from "./ort_library.ts";

/** Memory of one tensor; the array type follows the dtype. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array;

export interface SessionOptions {
  /** Threads inside one operator; 0 lets ONNX Runtime take one per core. */
  threads?: number;
}

/** Array type and ONNXTensorElementDataType of each dtype. */
const DTYPES = {
  float32: { array: Float32Array, code: 1 },
  float64: { array: Float64Array, code: 11 },
  int32: { array: Int32Array, code: 6 },
  int64: { array: BigInt64Array, code: 7 },
} as const;

const ENABLE_ALL_OPTIMIZATIONS = 99;

/**
 * A compiled graph. `run` blocks its thread while ONNX Runtime computes, so sessions belong in a worker
 * wherever something else has to stay responsive.
 */
export class Session {
  readonly #library = OrtLibrary.open();
  readonly #inputs: Binding[];
  readonly #outputs: Binding[];
  readonly #input_names: PointerArray;
  readonly #output_names: PointerArray;
  #session: Handle;

  private constructor(graph: Graph, options: SessionOptions) {
    this.#session = compile(this.#library, graph, options);
    this.#inputs = graph.inputs.map((input) => new Binding(input.name, input));
    this.#outputs = [...graph.outputs].map(([name, value]) => new Binding(name, value));
    this.#input_names = new PointerArray(this.#inputs.map(({ name }) => cString(name)));
    this.#output_names = new PointerArray(this.#outputs.map(({ name }) => cString(name)));
  }

  /**
   * Compiles a graph for the CPU.
   *
   * @throws {Error} when ONNX Runtime has no kernel for an operator, naming it.
   */
  // Compilation may become asynchronous (a GPU's is); callers await it already.
  static create(graph: Graph, options: SessionOptions = {}): Promise<Session> {
    return new Promise((resolve) => resolve(new Session(graph, options)));
  }

  /**
   * Runs the graph once.
   *
   * @param feeds memory of every input, by name; read, not copied.
   * @param into memory for outputs to be written to; outputs not named here get memory of their own.
   * An array may be fed and written at once only where the graph is made for it, as `adamW` is.
   * @returns every output by name.
   * @throws {Error} when an input is missing, or an array has the wrong type or length.
   */
  run(
    feeds: Readonly<Record<string, TensorData>>,
    into: Readonly<Record<string, TensorData>> = {},
  ): Promise<Record<string, TensorData>> {
    return new Promise((resolve) => resolve(this.#run(feeds, into)));
  }

  #run(
    feeds: Readonly<Record<string, TensorData>>,
    into: Readonly<Record<string, TensorData>>,
  ): Record<string, TensorData> {
    if (this.#session === null) throw new Error("the session was released");
    const inputs = this.#inputs.map((binding) => {
      const data = feeds[binding.name];
      if (!data) throw new Error(`the graph's input "${binding.name}" is not fed`);
      return binding.check(data);
    });
    const outputs = this.#outputs.map((binding) =>
      binding.check(into[binding.name] ?? binding.allocate())
    );
    const values: Handle[] = [];
    try {
      this.#inputs.forEach((binding, i) => values.push(binding.value(this.#library, inputs[i])));
      this.#outputs.forEach((binding, i) => values.push(binding.value(this.#library, outputs[i])));
      const addresses = BigUint64Array.from(values, (value) => Deno.UnsafePointer.value(value));
      this.#library.call(
        "Run",
        this.#session,
        null,
        this.#input_names.pointers,
        addresses.subarray(0, inputs.length),
        BigInt(inputs.length),
        this.#output_names.pointers,
        BigInt(outputs.length),
        addresses.subarray(inputs.length),
      );
    } finally {
      for (const value of values) this.#library.release("ReleaseValue", value);
    }
    return Object.fromEntries(this.#outputs.map(({ name }, i) => [name, outputs[i]]));
  }

  /** Frees the memory of the compiled graph. */
  release(): Promise<void> {
    if (this.#session !== null) this.#library.release("ReleaseSession", this.#session);
    this.#session = null;
    return Promise.resolve();
  }
}

function compile(library: OrtLibrary, graph: Graph, { threads = 0 }: SessionOptions): Handle {
  const model = lowerToOnnx(graph) as Uint8Array<ArrayBuffer>;
  const shared = threads === 0 || threads === library.pool_threads;
  try {
    return createSession(library, model, shared ? "shared" : threads);
  } catch (error) {
    // Whoever makes the first environment of the process decides whether it has a pool to share.
    if (!shared || !/EnvCreatedWithGlobalThreadPools/.test((error as Error).message)) throw error;
    return createSession(library, model, library.pool_threads);
  }
}

/**
 * Sessions share one pool of threads where they can: threads of a pool go on spinning for a while when their work
 * is done, and those of a session that has just run would take the cores from the one that runs now. A pool of a
 * session's own does not spin, for that reason.
 */
function createSession(
  library: OrtLibrary,
  model: Uint8Array<ArrayBuffer>,
  pool: "shared" | number,
): Handle {
  const options = library.create("CreateSessionOptions");
  const configure = (key: string, value: string) =>
    library.call("AddSessionConfigEntry", options, cString(key), cString(value));
  try {
    if (pool === "shared") library.call("DisablePerSessionThreads", options);
    else {
      library.call("SetIntraOpNumThreads", options, pool);
      configure("session.intra_op.allow_spinning", "0");
    }
    library.call("SetSessionGraphOptimizationLevel", options, ENABLE_ALL_OPTIMIZATIONS);
    // One block for all activations takes twice the memory and is no faster.
    library.call("DisableMemPattern", options);
    const size = BigInt(model.byteLength);
    return library.create("CreateSessionFromArray", library.environment, model, size, options);
  } finally {
    library.release("ReleaseSessionOptions", options);
  }
}

/** C strings with the array of their addresses. */
class PointerArray {
  readonly pointers: BigUint64Array<ArrayBuffer>;

  /** Keeps the strings, so that the addresses stay valid. */
  constructor(readonly strings: readonly Uint8Array<ArrayBuffer>[]) {
    this.pointers = BigUint64Array.from(
      strings,
      (text) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(text)),
    );
  }
}

/** An input or output of a graph, and how its memory is handed over. */
class Binding {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly #dims: BigInt64Array<ArrayBuffer>;

  constructor(readonly name: string, { dtype, shape }: { dtype: DType; shape: Shape }) {
    this.dtype = dtype;
    this.shape = shape;
    this.#dims = BigInt64Array.from(shape, BigInt);
  }

  allocate(): TensorData {
    return new DTYPES[this.dtype].array(sizeOf(this.shape));
  }

  /** @throws {Error} when an array is not of the binding's type and size. */
  check(data: TensorData): TensorData {
    if (data instanceof DTYPES[this.dtype].array && data.length === sizeOf(this.shape)) return data;
    throw new Error(
      `"${this.name}" must be ${this.dtype} of shape ${formatShape(this.shape)}, ` +
        `got a ${data.constructor.name} of ${data.length} elements`,
    );
  }

  /** A tensor of the library over the array's memory; to be released. */
  value(library: OrtLibrary, data: TensorData): Handle {
    return library.create(
      "CreateTensorWithDataAsOrtValue",
      library.cpu_memory,
      data as BufferSource,
      BigInt(data.byteLength),
      this.#dims,
      BigInt(this.#dims.length),
      DTYPES[this.dtype].code,
    );
  }
}

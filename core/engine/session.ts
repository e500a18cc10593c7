/**
 * Runs graphs with ONNX Runtime. This folder is the only one that imports onnxruntime-node.
 *
 * @module
 */
import * as ort from "onnxruntime-node";
import {
  type DType,
  formatShape,
  type Graph,
  lowerToOnnx,
  type Shape,
  sizeOf,
} from "../graph/mod.ts";

/** Memory of one tensor; the array type follows the dtype. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array;

export interface SessionOptions {
  /** Threads inside one operator; 0 lets ONNX Runtime take one per core. */
  threads?: number;
}

/**
 * A compiled graph. `run` blocks its thread while ONNX Runtime computes, so sessions belong in a worker
 * wherever something else has to stay responsive.
 */
export class Session {
  readonly #session: ort.InferenceSession;
  readonly #inputs: Map<string, { dtype: DType; shape: Shape }>;
  readonly #outputs: Map<string, { dtype: DType; shape: Shape }>;

  private constructor(session: ort.InferenceSession, graph: Graph) {
    this.#session = session;
    this.#inputs = new Map(graph.inputs.map((input) => [input.name, input]));
    this.#outputs = new Map(graph.outputs);
  }

  /**
   * Compiles a graph for the CPU.
   *
   * @throws {Error} when ONNX Runtime has no kernel for an operator, naming it.
   */
  static async create(graph: Graph, { threads = 0 }: SessionOptions = {}): Promise<Session> {
    const session = await ort.InferenceSession.create(lowerToOnnx(graph), {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      graphOptimizationLevel: "all",
      // One block for all activations takes twice the memory and is no faster.
      enableMemPattern: false,
      logSeverityLevel: 3,
    });
    return new Session(session, graph);
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
  async run(
    feeds: Readonly<Record<string, TensorData>>,
    into: Readonly<Record<string, TensorData>> = {},
  ): Promise<Record<string, TensorData>> {
    const inputs: Record<string, ort.Tensor> = {};
    for (const [name, type] of this.#inputs) {
      const data = feeds[name];
      if (!data) throw new Error(`the graph's input "${name}" is not fed`);
      inputs[name] = tensor(name, data, type);
    }
    const fetches: Record<string, ort.Tensor | null> = {};
    for (const [name, type] of this.#outputs) {
      fetches[name] = into[name] ? tensor(name, into[name], type) : null;
    }
    const results = await this.#session.run(inputs, fetches);
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, into[name] ?? data as TensorData]),
    );
  }

  /** Frees the memory of the compiled graph. */
  async release(): Promise<void> {
    await this.#session.release();
  }
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
} as const;

function tensor(name: string, data: TensorData, { dtype, shape }: { dtype: DType; shape: Shape }) {
  if (!(data instanceof ARRAYS[dtype]) || data.length !== sizeOf(shape)) {
    throw new Error(
      `"${name}" must be ${dtype} of shape ${formatShape(shape)}, ` +
        `got a ${data.constructor.name} of ${data.length} elements`,
    );
  }
  return new ort.Tensor(dtype, data as never, shape);
}

/**
 * Graphs run by ONNX Runtime. core/engine is the only room that uses onnxruntime-node.
 *
 * @module
 */
import {
  type DType,
  Graph,
  type LoweringOptions,
  lowerToOnnx,
  type Node,
  type Shape,
  type Value,
} from "../../graph/mod.ts";
import type { Device, SessionOptions } from "../compute.ts";
import {
  Binding,
  DeviceTensor,
  type Feeds,
  type Session,
  type Tensor,
  type TensorData,
} from "../session.ts";
import type { Handle } from "../signature.ts";
import { appendProvider, DEVICE_MEMORY } from "./device.ts";
import { cString, OrtLibrary } from "./library.ts";

export class OrtSession implements Session {
  readonly #library = OrtLibrary.open();
  readonly #device: Device;
  readonly #inputs: OrtBinding[];
  readonly #outputs: OrtBinding[];
  readonly #input_names: PointerArray;
  readonly #output_names: PointerArray;
  #session: Handle;
  #released = false;
  /** Tensors on the device that this session made and that share its memory. */
  #living_tensors = 0;

  /**
   * Compiles a graph for a device.
   *
   * @throws {DeviceUnavailable}
   * @throws {Error} naming the operator that the device has no kernel for.
   */
  constructor(graph: Graph, options: SessionOptions) {
    this.#session = compileOnnx(this.#library, graph, options);
    this.#device = options.device ?? "cpu";
    this.#inputs = graph.inputs.map((input) => new OrtBinding(input.name, input));
    this.#outputs = [...graph.outputs].map(([name, value]) => new OrtBinding(name, value));
    this.#input_names = new PointerArray(this.#inputs.map(({ c_name }) => c_name));
    this.#output_names = new PointerArray(this.#outputs.map(({ c_name }) => c_name));
  }

  run(
    feeds: Feeds,
    into: Readonly<Record<string, TensorData>> = {},
  ): Promise<Record<string, TensorData>> {
    return new Promise((resolve) => {
      const outputs = this.#outputs.map((binding) =>
        binding.check(into[binding.name] ?? binding.allocate())
      );
      const inputs = this.#checked(feeds);
      const in_host_memory = inputs.every((tensor) => !(tensor instanceof DeviceTensor));
      if (this.#device === "cpu" && in_host_memory) this.#runOnHost(inputs, outputs);
      else this.#runBound(inputs, outputs);
      resolve(Object.fromEntries(this.#outputs.map(({ name }, i) => [name, outputs[i]])));
    });
  }

  runKeeping(
    feeds: Feeds,
    fetched: readonly string[] = [],
  ): Promise<{ fetched: Record<string, TensorData>; kept: Map<string, DeviceTensor> }> {
    return new Promise((resolve) => {
      const outputs = this.#outputs.map((binding) =>
        fetched.includes(binding.name) ? binding.allocate() : undefined
      );
      const kept = this.#runBound(this.#checked(feeds), outputs);
      const entries = this.#outputs.flatMap(({ name }, i) =>
        outputs[i] ? [[name, outputs[i]] as const] : []
      );
      resolve({ fetched: Object.fromEntries(entries), kept });
    });
  }

  #checked(feeds: Feeds): Tensor[] {
    if (this.#released) throw new Error("the session was released");
    return this.#inputs.map((binding) => {
      const tensor = binding.fed(feeds);
      if (tensor instanceof DeviceTensor && tensor.device !== this.#device) {
        throw new Error(
          `the graph runs on ${this.#device}, but its input "${binding.name}" is on ${tensor.device}`,
        );
      }
      return tensor;
    });
  }

  #runOnHost(inputs: readonly Tensor[], outputs: readonly TensorData[]): void {
    const values: Handle[] = [];
    try {
      const hand = (binding: OrtBinding, data: Tensor) =>
        values.push(binding.value(this.#library, data as TensorData));
      this.#inputs.forEach((binding, i) => hand(binding, inputs[i]));
      this.#outputs.forEach((binding, i) => hand(binding, outputs[i]));
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
  }

  /** Outputs without memory stay on the device. */
  #runBound(
    inputs: readonly Tensor[],
    outputs: readonly (TensorData | undefined)[],
  ): Map<string, DeviceTensor> {
    const library = this.#library;
    const io = library.create("CreateIoBinding", this.#session);
    const values: Handle[] = [];
    const lend = (value: Handle) => (values.push(value), value);
    try {
      this.#inputs.forEach((binding, i) => {
        const tensor = inputs[i];
        const value = tensor instanceof DeviceTensor
          ? tensor.handle
          : lend(binding.value(library, tensor));
        library.call("BindInput", io, binding.c_name, value);
      });
      this.#outputs.forEach((binding, i) => {
        const data = outputs[i];
        if (data) {
          library.call("BindOutput", io, binding.c_name, lend(binding.value(library, data)));
        } else library.call("BindOutputToDevice", io, binding.c_name, this.#memory());
      });
      library.call("RunWithBinding", this.#session, null, io);
      return this.#take(io, outputs);
    } catch (error) {
      // WebGPU compiles its kernels when they first run.
      if (!/requires f16/.test((error as Error).message)) throw error;
      throw new Error(
        `the ${this.#device} device has no float16; choose precision "float32"`,
        { cause: error },
      );
    } finally {
      for (const value of values) library.release("ReleaseValue", value);
      library.release("ReleaseIoBinding", io);
    }
  }

  #take(io: Handle, outputs: readonly (TensorData | undefined)[]): Map<string, DeviceTensor> {
    const kept = new Map<string, DeviceTensor>();
    this.#library.boundOutputs(io).forEach((handle, i) => {
      const { name, dtype, shape } = this.#outputs[i];
      if (outputs[i]) this.#library.release("ReleaseValue", handle);
      else kept.set(name, this.#tensor(handle, dtype, shape));
    });
    return kept;
  }

  #tensor(handle: Handle, dtype: DType, shape: Shape): DeviceTensor {
    this.#living_tensors++;
    const free = (handle: Handle) => {
      this.#library.release("ReleaseValue", handle);
      this.#living_tensors--;
      this.#releaseIfDue();
    };
    return new DeviceTensor(handle, free, this.#device, dtype, shape);
  }

  #memory(): Handle {
    if (this.#device === "cpu") return this.#library.cpu_memory;
    return this.#library.deviceMemory(DEVICE_MEMORY[this.#device]);
  }

  release(): Promise<void> {
    this.#released = true;
    this.#releaseIfDue();
    return Promise.resolve();
  }

  #releaseIfDue(): void {
    if (!this.#released || this.#living_tensors > 0 || this.#session === null) return;
    this.#library.release("ReleaseSession", this.#session);
    this.#session = null;
  }
}

/** ONNXTensorElementDataType of each dtype. */
const DTYPE_CODES = { float32: 1, float64: 11, int32: 6, int64: 7 } as const;

/** An input or output as the C API sees it. */
class OrtBinding extends Binding {
  readonly c_name = cString(this.name);
  readonly #dims = BigInt64Array.from(this.shape, BigInt);

  /** A tensor of the library over the array's memory; the caller releases it. */
  value(library: OrtLibrary, data: TensorData): Handle {
    return library.create(
      "CreateTensorWithDataAsOrtValue",
      library.cpu_memory,
      data as BufferSource,
      BigInt(data.byteLength),
      this.#dims,
      BigInt(this.#dims.length),
      DTYPE_CODES[this.dtype],
    );
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

const ENABLE_ALL_OPTIMIZATIONS = 99;

/**
 * Compiles a graph.
 *
 * @throws {DeviceUnavailable}
 * @throws {Error} naming the operator that the device has no kernel for.
 */
function compileOnnx(library: OrtLibrary, graph: Graph, options: SessionOptions): Handle {
  const { device = "cpu", threads = 0 } = options;
  const model = lowerToOnnx(graph, loweringFor(options)) as Uint8Array<ArrayBuffer>;
  if (device !== "cpu") return compileForDevice(library, graph, model, options);
  const shared = threads === 0 || threads === library.pool_threads;
  try {
    return createSession(library, model, device, shared ? "shared" : threads);
  } catch (error) {
    // Whatever creates the process's first environment decides whether there is a pool to share.
    if (!shared || !/EnvCreatedWithGlobalThreadPools/.test((error as Error).message)) throw error;
    return createSession(library, model, device, library.pool_threads);
  }
}

function loweringFor({ device = "cpu", precision = "float32" }: SessionOptions): LoweringOptions {
  // The WebGPU provider has no FusedMatMul.
  return { fused: device !== "webgpu", half_products: precision === "float16" };
}

/** One thread: the CPU only hands the work over. */
function compileForDevice(
  library: OrtLibrary,
  graph: Graph,
  model: Uint8Array<ArrayBuffer>,
  options: SessionOptions,
): Handle {
  const device = options.device!;
  try {
    return createSession(library, model, device, 1);
  } catch (error) {
    if (!/fallback to CPU EP/.test((error as Error).message)) throw error;
    const missing = graph.nodes.find((node) => !runsAlone(library, node, options));
    throw new Error(
      `${device} has no kernel for ${missing ? `"${missing.op}"` : "an operator of the graph"}` +
        (missing ? ` on ${missing.inputs.map(({ dtype }) => dtype).join(", ")}` : "") +
        '; choose device "cpu"',
    );
  }
}

/** Whether a device can run a node: compiles a graph of only that node. */
function runsAlone(library: OrtLibrary, node: Node, options: SessionOptions): boolean {
  const graph = new Graph();
  const inputs = new Map<Value, Value>();
  for (const value of node.inputs) {
    if (inputs.has(value)) continue;
    inputs.set(value, graph.input(`x${inputs.size}`, value.dtype, value.shape));
  }
  const operands = node.inputs.map((value) => inputs.get(value)!);
  const [first] = graph.apply(node.op, operands, node.attributes);
  graph.output("y", first);
  const model = lowerToOnnx(graph, loweringFor(options)) as Uint8Array<ArrayBuffer>;
  try {
    library.release("ReleaseSession", createSession(library, model, options.device!, 1));
    return true;
  } catch {
    return false;
  }
}

/**
 * Sessions share one thread pool where they can: the threads of a pool keep spinning for a while when their work is
 * done, and those of a session that has just run would take cores from the one that runs now. For the same reason a
 * session's own pool does not spin.
 */
function createSession(
  library: OrtLibrary,
  model: Uint8Array<ArrayBuffer>,
  device: Device,
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
    // One block for all activations needs twice the memory and is no faster.
    library.call("DisableMemPattern", options);
    appendProvider(library, options, device);
    const size = BigInt(model.byteLength);
    return library.create("CreateSessionFromArray", library.environment, model, size, options);
  } finally {
    library.release("ReleaseSessionOptions", options);
  }
}

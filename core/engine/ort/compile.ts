/**
 * From a graph to a session object of ONNX Runtime.
 *
 * @module
 */
import {
  Graph,
  type LoweringOptions,
  lowerToOnnx,
  type Node,
  type Value,
} from "../../graph/mod.ts";
import type { Device, SessionOptions } from "../compute.ts";
import { appendProvider } from "./device.ts";
import type { Handle } from "../signature.ts";
import { cString, type OrtLibrary } from "./library.ts";

const ENABLE_ALL_OPTIMIZATIONS = 99;

/**
 * Compiles a graph.
 *
 * @throws {DeviceUnavailable}
 * @throws {Error} naming the operator that the device has no kernel for.
 */
export function compileOnnx(library: OrtLibrary, graph: Graph, options: SessionOptions): Handle {
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

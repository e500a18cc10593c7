/**
 * Sessions by the library that the options name.
 *
 * @module
 */
import type { Graph } from "../graph/mod.ts";
import type { SessionOptions } from "./compute.ts";
import { OneDnnSession } from "./onednn/session.ts";
import { Session } from "./session.ts";

/** A compiled graph that is fed from and read into host memory, whichever library computes it. */
export type HostSession = Pick<Session, "run" | "release">;

/**
 * Compiles a graph.
 *
 * @throws {DeviceUnavailable}
 * @throws {OneDnnUnavailable}
 * @throws {Error} naming the operator that the device or library has no kernel for.
 */
export function compileGraph(graph: Graph, options: SessionOptions = {}): Promise<HostSession> {
  const { kernels = "onnxruntime", precision = "float32", threads = 0 } = options;
  if (kernels === "onnxruntime") return Session.create(graph, options);
  if (precision === "float16") throw new Error("oneDNN has no float16 on the CPU");
  return OneDnnSession.create(graph, {
    threads: threads > 0 ? threads : navigator.hardwareConcurrency,
    products: precision,
  });
}

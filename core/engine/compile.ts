/**
 * From a graph to a session: the one place that chooses the library.
 *
 * @module
 */
import type { Graph } from "../graph/mod.ts";
import type { SessionOptions } from "./compute.ts";
import { OneDnnSession } from "./onednn/session.ts";
import { OrtSession } from "./ort/session.ts";
import type { Session } from "./session.ts";

/**
 * Compiles a graph for a device and a library.
 *
 * @throws {DeviceUnavailable}
 * @throws {OneDnnUnavailable}
 * @throws {Error} naming the operator that the device or library has no kernel for.
 */
// deno-lint-ignore require-await -- async, so that errors are rejections
export async function compile(graph: Graph, options: SessionOptions = {}): Promise<Session> {
  const { kernels = "onnxruntime", precision = "float32", threads = 0 } = options;
  if (kernels === "onnxruntime") return new OrtSession(graph, options);
  if (precision === "float16") throw new Error("oneDNN has no float16 on the CPU");
  return new OneDnnSession(graph, {
    threads: threads > 0 ? threads : navigator.hardwareConcurrency,
    precision,
  });
}

export type Compile = (graph: Graph, options: SessionOptions) => Promise<Session>;

/** Sessions by key, such as a shape: each graph is compiled when it is first needed. */
export class SessionCache {
  readonly #sessions = new Map<string, Promise<Session>>();

  /** @param compileGraph in this thread, unless it is one of a pool's. */
  constructor(
    readonly options: SessionOptions,
    private readonly compileGraph: Compile = compile,
  ) {}

  get(key: string, build: () => Graph): Promise<Session> {
    let session = this.#sessions.get(key);
    if (!session) {
      this.#sessions.set(key, session = this.compileGraph(build(), this.options));
      session.catch(() => this.#sessions.delete(key));
    }
    return session;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
    this.#sessions.clear();
  }
}

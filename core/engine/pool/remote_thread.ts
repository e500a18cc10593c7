/**
 * Sessions in another thread: the sender's side.
 *
 * @module
 */
import { canRestrict } from "../../config/mod.ts";
import { type Graph, graphData } from "../../graph/mod.ts";
import type { SessionOptions } from "../compute.ts";
import { DeviceTensor, type Feeds, type Session, type TensorData } from "../session.ts";
import type { Answer, Request, Tensors } from "./messages.ts";

type Pending = PromiseWithResolvers<Tensors>;

/** Loading a library and calling it is all that a worker does. */
const PERMISSIONS: Deno.PermissionOptionsObject = {
  ...{ read: "inherit", env: "inherit", ffi: "inherit" },
  ...{ write: false, net: false, run: false, sys: false, import: false },
};

/** Whether other threads see this memory; other arrays are copied when they are posted. */
const isShared = ({ buffer }: TensorData) => buffer instanceof SharedArrayBuffer;

/** A worker that compiles and runs sessions. While one of them computes, this thread is free. */
export class RemoteThread {
  readonly #worker: Worker;
  /** Requests without an answer, oldest first. */
  readonly #pending: Pending[] = [];
  #ended: Error | undefined;
  #sessions = 0;

  /** @param url of the worker's module. */
  constructor(readonly name: string, url = new URL("./session_worker.ts", import.meta.url)) {
    const restricted = canRestrict() && { deno: { permissions: PERMISSIONS } };
    this.#worker = new Worker(url, { type: "module", name, ...restricted });
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const { resolve, reject } = this.#pending.shift()!;
      if ("outputs" in data) resolve(data.outputs);
      else reject(Object.assign(new Error(data.error.message), { name: data.error.name }));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(`${name} ended: ${event.message}`);
    };
    this.#worker.onmessageerror = () => this.#end(`a message of ${name} could not be read`);
  }

  /**
   * Compiles a graph there. Shared memory (`SharedArrayBuffer`) that a run reads or writes is not copied, other tensors
   * are; weights and gradients should be shared.
   *
   * @throws as `compile`; and when the worker has ended.
   */
  async compile(graph: Graph, options: SessionOptions): Promise<Session> {
    const session = this.#sessions++;
    await this.#request({ session, type: "compile", graph: graphData(graph), options });
    return new RemoteSession(session, (request) => this.#request(request));
  }

  /** Ends the worker; its sessions should be released before. */
  close(): void {
    this.#end(`${this.name} was closed`);
  }

  #request(request: Request): Promise<Tensors> {
    const pending: Pending = Promise.withResolvers();
    // The sessions of a worker that has ended are gone.
    if (this.#ended && request.type === "release") pending.resolve({});
    else if (this.#ended) pending.reject(this.#ended);
    else {
      this.#pending.push(pending);
      this.#worker.postMessage(request);
    }
    return pending.promise;
  }

  #end(reason: string): void {
    this.#ended ??= new Error(reason);
    this.#worker.terminate();
    for (const { reject } of this.#pending.splice(0)) reject(this.#ended);
  }
}

class RemoteSession implements Session {
  /** Shared tensors that the worker has. */
  readonly #sent = new Map<string, TensorData>();

  constructor(
    private readonly session: number,
    private readonly request: (request: Request) => Promise<Tensors>,
  ) {}

  async run(feeds: Feeds, into: Tensors = {}): Promise<Record<string, TensorData>> {
    const { session } = this;
    const shared = Object.fromEntries(Object.entries(into).filter(([, data]) => isShared(data)));
    const outputs = await this.request({
      session,
      type: "run",
      feeds: this.#unsent(feeds),
      into: shared,
    });
    const results: Record<string, TensorData> = { ...shared };
    for (const [name, data] of Object.entries(outputs)) {
      // Both have the type of the output.
      into[name]?.set(data as never);
      results[name] = into[name] ?? data;
    }
    return results;
  }

  runKeeping(): Promise<never> {
    return Promise.reject(new Error("workers compute on the CPU, in host memory; use run"));
  }

  async release(): Promise<void> {
    await this.request({ session: this.session, type: "release" });
  }

  #unsent(feeds: Feeds): Tensors {
    const unsent: Record<string, TensorData> = {};
    for (const [name, data] of Object.entries(feeds)) {
      if (data instanceof DeviceTensor) throw new Error(`"${name}" is on ${data.device}`);
      if (isShared(data)) {
        if (this.#sent.get(name) === data) continue;
        this.#sent.set(name, data);
        unsent[name] = data;
      } else {
        // Posting a view would copy all of its buffer.
        unsent[name] = data.byteLength < data.buffer.byteLength ? data.slice() : data;
      }
    }
    return unsent;
  }
}

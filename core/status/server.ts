/**
 * Starts the status server in a thread of its own, so that requests do not slow the runner's thread down, and with as
 * few permissions as it needs, so that requests can reach nothing but results.
 *
 * @module
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { canRestrict } from "../config/mod.ts";
import { type Access, accessFor, inHeader } from "./access.ts";
import type { Action, Control } from "./routes/control.ts";

export const DEFAULT_PORT = 7411;
export const DEFAULT_HOST = "127.0.0.1";

/** How long connections get to finish. Event streams end when their run does. */
const GRACE_MS = 1000;

/** A running server. */
export interface StatusServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** Output folder of the runs. */
  readonly out: string;
  /** Address to listen on; `DEFAULT_HOST` by default. */
  readonly host?: string;
  /** 0 means any free port. By default `DEFAULT_PORT`, or any free port if that is taken. */
  readonly port?: number;
  /** Who may use the server; by default `accessFor(host)`. */
  readonly access?: Access;
  /** Controls the run of this process. */
  readonly control?: Control;
  /** Called if the server fails after it has started. The run is not affected. */
  readonly onFailure?: (message: string) => void;
}

/** Messages to the server's thread. */
export type ToServer =
  | {
    readonly type: "start";
    /** Output folder, as an absolute path. */
    readonly out: string;
    readonly host: string;
    /** Ports to try, in order. */
    readonly ports: readonly number[];
    readonly access: Access;
    /** Whether `control` messages are answered. */
    readonly control: boolean;
  }
  /** The answer to the `control` message with that id. */
  | { readonly type: "done"; readonly id: number; readonly error?: string }
  | { readonly type: "close" };

/** Messages from the server's thread. */
export type FromServer =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "control"; readonly id: number; readonly action: Action; readonly run: string }
  | { readonly type: "closed" };

/**
 * Starts the server. It accepts requests once the promise is fulfilled.
 *
 * @throws {Error} if the port is taken, the address is not one of this machine, or Deno does not permit it.
 */
export async function serveStatus(options: ServerOptions): Promise<StatusServer> {
  const { out, host = DEFAULT_HOST, port, onFailure = () => {} } = options;
  const access = options.access ?? accessFor(host);
  const ports = port === undefined ? [DEFAULT_PORT, 0] : [port];
  for (const one of ports) assertPermitted(host, one);
  const worker = new Worker(new URL("./server_worker.ts", import.meta.url), {
    type: "module",
    name: "status server",
    ...(canRestrict() && { deno: { permissions: permissionsFor(out, host, ports) } }),
  });
  const send = (message: ToServer) => worker.postMessage(message);
  const started = Promise.withResolvers<number>();
  const closed = Promise.withResolvers<void>();
  // Until the server is up, a failure is a failure to start.
  let fail = (error: Error) => started.reject(error);
  worker.onmessage = ({ data }: MessageEvent<FromServer>) => {
    if (data.type === "listening") started.resolve(data.port);
    else if (data.type === "failed") fail(new Error(data.message));
    else if (data.type === "closed") closed.resolve();
    else carryOut(options.control!, data).then(send);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(new Error(event.message));
  };
  try {
    send({ type: "start", out: resolve(out), host, ports, access, control: !!options.control });
    const taken = await started.promise;
    fail = (error) => onFailure(`the status server failed: ${error.message}`);
    const close = async () => {
      fail = () => closed.resolve();
      send({ type: "close" });
      const timer = setTimeout(closed.resolve, GRACE_MS);
      await closed.promise;
      clearTimeout(timer);
      worker.terminate();
    };
    return { url: `http://${inHeader(host)}:${taken}`, port: taken, close };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** Passes a request of a client on to the run. */
async function carryOut(
  control: Control,
  { id, action, run }: FromServer & { type: "control" },
): Promise<ToServer> {
  try {
    await control[action](run);
    return { type: "done", id };
  } catch (error) {
    return { type: "done", id, error: (error as Error).message };
  }
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Read results and the program's own code, listen on its address, read load and memory of the machine. */
export function permissionsFor(
  out: string,
  host: string,
  ports: readonly number[],
): Deno.PermissionOptionsObject {
  return {
    read: [resolve(out), ...["core", "node_modules", "deno.json"].map((name) => ROOT + name)],
    net: ports.map((port) => addressOf(host, port)),
    sys: (["loadavg", "systemMemoryInfo"] as const).filter(holdsSys),
  };
}

const addressOf = (host: string, port: number) => `${inHeader(host)}:${port}`;

function holdsSys(kind: "loadavg" | "systemMemoryInfo"): boolean {
  return Deno.permissions.querySync({ name: "sys", kind }).state === "granted";
}

/** Deno's own error would come from inside the worker, and would not say what to do. */
function assertPermitted(host: string, port: number): void {
  const address = addressOf(host, port);
  const { state } = Deno.permissions.querySync({ name: "net", host: address });
  if (state === "granted") return;
  throw new Error(
    `Deno does not let this process listen on ${address}: add --allow-net=${address} to the flags ` +
      "of the command's task in deno.json",
  );
}

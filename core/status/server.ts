/**
 * Starts the status server in a thread of its own, so that no request slows the runner's thread down, and with the
 * permissions it needs, so that none reads anything but results.
 *
 * @module
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { canRestrict } from "../runner/mod.ts";
import { type Access, accessFor, inHeader } from "./access.ts";
import type { Control } from "./control.ts";
import type { FromServer, ToServer } from "./server_messages.ts";

export const DEFAULT_PORT = 7411;
export const DEFAULT_HOST = "127.0.0.1";

/** Connections get so long to end by themselves. Event streams end when their run does. */
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
  /** Address to listen at; `DEFAULT_HOST` by default. */
  readonly host?: string;
  /** 0 takes any free port. By default `DEFAULT_PORT`, or any free one where that is taken. */
  readonly port?: number;
  /** Who may ask; by default what `accessFor` says of the address, without a token. */
  readonly access?: Access;
  /** The run of this process. */
  readonly control?: Control;
  /** Told when the server fails later on. The run is none the worse for it. */
  readonly onFailure?: (message: string) => void;
}

/**
 * Starts the server; it answers once the promise is fulfilled.
 *
 * @throws {Error} when the port is taken, the address is none of this machine, or Deno does not permit it.
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
  // The first failure is one to start, if it is not up by then.
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
    fail = (error) => onFailure(`the status server ended: ${error.message}`);
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

/** Does what a client asks of the run. */
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

/** Results, the program's own code, its address, and how the machine is doing. */
export function permissionsFor(
  out: string,
  host: string,
  ports: readonly number[],
): Deno.PermissionOptionsObject {
  return {
    read: [resolve(out), ...["core", "node_modules", "deno.json"].map((name) => ROOT + name)],
    net: ports.map((port) => addressOf(host, port)),
    sys: ["loadavg", "systemMemoryInfo"].filter((kind) =>
      holdsSys(kind as "loadavg")
    ) as "loadavg"[],
  };
}

const addressOf = (host: string, port: number) => `${inHeader(host)}:${port}`;

function holdsSys(kind: "loadavg" | "systemMemoryInfo"): boolean {
  return Deno.permissions.querySync({ name: "sys", kind }).state === "granted";
}

/** Deno's own words would come from within the worker, and name no command. */
function assertPermitted(host: string, port: number): void {
  const address = addressOf(host, port);
  const { state } = Deno.permissions.querySync({ name: "net", host: address });
  if (state === "granted") return;
  throw new Error(
    `Deno does not let this process listen at ${address}: run the command by deno run, with ` +
      `--allow-net=${address} added to the flags of its task in deno.json`,
  );
}

/**
 * Serves the status app on this machine.
 *
 * @module
 */
import type { Hono } from "hono";

export const DEFAULT_PORT = 7411;

/** A running server. */
export interface StatusServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves an app on 127.0.0.1 and nowhere else.
 *
 * @param port 0 takes any free port.
 * @throws {Error} when the port is taken.
 */
export function serveStatus(app: Hono, port: number): StatusServer {
  try {
    const options = { hostname: "127.0.0.1", port, onListen: () => {} };
    const server = Deno.serve(options, (request) => app.fetch(request));
    const taken = server.addr.port;
    return { url: `http://127.0.0.1:${taken}`, port: taken, close: () => server.shutdown() };
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new Error(`port ${port} on 127.0.0.1 is taken; choose another with --port`);
  }
}

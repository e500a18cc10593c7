/**
 * Serves HTTP in this thread.
 *
 * @module
 */

/**
 * Listens at the first of the ports that is free.
 *
 * @param ports 0 stands for any free port.
 * @throws {Error} when all of them are taken, or the address is none of this machine.
 */
export function listen(
  handler: (request: Request) => Response | Promise<Response>,
  hostname: string,
  ports: readonly number[],
): Deno.HttpServer<Deno.NetAddr> {
  for (const [i, port] of ports.entries()) {
    try {
      return Deno.serve({ hostname, port, onListen: () => {} }, handler);
    } catch (error) {
      if (error instanceof Deno.errors.AddrNotAvailable) {
        throw new Error(`${hostname} is no address of this machine; choose another with --host`);
      }
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      if (i < ports.length - 1) continue;
      throw new Error(`port ${port} on ${hostname} is taken; choose another with --port`);
    }
  }
  throw new Error("there is no port to listen at");
}

/**
 * The thread of the status server, started by `server.ts`: it listens, and answers with the app.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { RunFolder } from "../runs/mod.ts";
import { statusApp } from "./app.ts";
import { type HttpServer, serveHttp } from "./http_server.ts";
import { RecentAnswers } from "./requests.ts";
import type { Action, Control } from "./routes/control.ts";
import type { FromServer, ToServer } from "./server.ts";

const post = (message: FromServer) => self.postMessage(message);

/** Requests to the runner that are not answered yet. */
const asked = new Map<number, (error?: string) => void>();
let server: HttpServer | undefined;

self.onmessage = async ({ data }: MessageEvent<ToServer>) => {
  if (data.type === "done") return asked.get(data.id)?.(data.error);
  if (data.type === "close") {
    await server?.close();
    return post({ type: "closed" });
  }
  try {
    const { out, host, ports, access } = data;
    const control = data.control ? remoteControl() : undefined;
    const app = statusApp({ runs: new RunFolder(out), out, access, control });
    const recent = new RecentAnswers((request) => app.fetch(request));
    server = serveHttp(listen(host, ports), (request) => recent.answer(request));
    post({ type: "listening", port: server.port });
  } catch (error) {
    post({ type: "failed", message: (error as Error).message });
  }
};

// Answers that clients cut off are no news for the terminal of the run.
console.info = console.error = () => {};
// One failed request must not end the others.
self.addEventListener("unhandledrejection", (event) => event.preventDefault());

/** Sends requests to the runner's thread. */
function remoteControl(): Control {
  let last = 0;
  const ask = (action: Action) => async (run: string) => {
    const id = ++last;
    const error = await new Promise<string | undefined>((resolve) => {
      asked.set(id, resolve);
      post({ type: "control", id, action, run });
    });
    asked.delete(id);
    if (error !== undefined) throw new Error(error);
  };
  return { pause: ask("pause"), resume: ask("resume"), stop: ask("stop") };
}

/**
 * Listens on the first of the ports that is free.
 *
 * @param ports 0 means any free port.
 * @throws {Error} if all of them are taken, or the address is not one of this machine.
 */
function listen(hostname: string, ports: readonly number[]): Deno.TcpListener {
  for (const [i, port] of ports.entries()) {
    try {
      return Deno.listen({ hostname, port });
    } catch (error) {
      if (error instanceof Deno.errors.AddrNotAvailable) {
        throw new Error(
          `${hostname} is not an address of this machine; choose another with --host`,
        );
      }
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      if (i < ports.length - 1) continue;
      throw new Error(`port ${port} on ${hostname} is taken; choose another with --port`);
    }
  }
  throw new Error("no port to listen on");
}

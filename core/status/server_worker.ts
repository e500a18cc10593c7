/**
 * The thread of the status server. Started by `server.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { RunFolder } from "../runs/mod.ts";
import { statusApp } from "./app.ts";
import { type Action, type Control } from "./control.ts";
import { listen } from "./listen.ts";
import { RecentAnswers } from "./recent_answers.ts";
import type { FromServer, ToServer } from "./server_messages.ts";

const post = (message: FromServer) => self.postMessage(message);

/** Requests to the runner that were not answered yet. */
const asked = new Map<number, (error?: string) => void>();
let server: Deno.HttpServer<Deno.NetAddr> | undefined;

self.onmessage = async ({ data }: MessageEvent<ToServer>) => {
  if (data.type === "done") return asked.get(data.id)?.(data.error);
  if (data.type === "close") {
    await server?.shutdown();
    return post({ type: "closed" });
  }
  try {
    const { out, host, ports, access } = data;
    const control = data.control ? remoteControl() : undefined;
    const app = statusApp({ runs: new RunFolder(out), out, access, control });
    const recent = new RecentAnswers((request) => app.fetch(request));
    server = listen((request) => recent.answer(request), host, ports);
    post({ type: "listening", port: server.addr.port });
    await server.finished;
  } catch (error) {
    post({ type: "failed", message: (error as Error).message });
  }
};

// One request that went wrong is no reason to end the others.
self.addEventListener("unhandledrejection", (event) => event.preventDefault());

/** Asks the runner's thread. */
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

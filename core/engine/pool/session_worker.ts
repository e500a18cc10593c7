/**
 * The thread of one worker: compiles and runs sessions on request. Started by `remote_thread.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { graphOf } from "../../graph/mod.ts";
import { compile } from "../compile.ts";
import type { Session, TensorData } from "../session.ts";
import type { Answer, Request, Tensors } from "./messages.ts";

/** A session, with the tensors it was last fed. */
interface Known {
  readonly session: Session;
  readonly feeds: Record<string, TensorData>;
}

const sessions = new Map<number, Known>();

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  try {
    const outputs = await answer(data);
    const buffers = Object.values(outputs).map(({ buffer }) => buffer as ArrayBuffer);
    self.postMessage({ outputs } satisfies Answer, buffers);
  } catch (error) {
    const { name, message } = error as Error;
    self.postMessage({ error: { name, message } } satisfies Answer);
  }
};

/** @returns the outputs of a run that have no shared memory. */
async function answer(request: Request): Promise<Tensors> {
  if (request.type === "compile") {
    const session = await compile(graphOf(request.graph), request.options);
    sessions.set(request.session, { session, feeds: {} });
    return {};
  }
  const { session, feeds } = sessions.get(request.session)!;
  if (request.type === "release") {
    sessions.delete(request.session);
    await session.release();
    return {};
  }
  const { into } = request;
  const results = await session.run(Object.assign(feeds, request.feeds), into);
  return Object.fromEntries(Object.entries(results).filter(([name]) => !(name in into)));
}

/**
 * The thread of one step: loads the recipe, runs the step, posts what it reports. Started by `worker.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import process from "node:process";
import { attachGroup } from "../remote/mpi/mod.ts";
import { canonicalJson, Store } from "../store/mod.ts";
import { executeStep, type Sample } from "./execute.ts";
import { loadRecipe } from "../recipe/mod.ts";
import {
  type FromWorker,
  Interrupted,
  ORDER,
  toPlainError,
  type ToWorker,
} from "./worker_messages.ts";

const post = (message: FromWorker) => self.postMessage(message);
const close = self.close.bind(self);
const controller = new AbortController();

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "stop") return stop();
  try {
    forbidExit();
    post({ type: "finished", outputs: await start(data) });
  } catch (error) {
    fail(error);
  }
  close();
};

// Errors in callbacks that nothing waits for end the thread as well.
self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  fail(event.reason);
});
self.addEventListener("error", (event) => {
  event.preventDefault();
  fail(event.error);
});

function fail(error: unknown): void {
  post({ type: "failed", error: toPlainError(error) });
}

async function start(
  { recipe: url, load, job, config, orders: shared }: ToWorker & { type: "start" },
) {
  const orders = new Int32Array(shared);
  const recipe = await loadRecipe(url, load);
  const step = recipe.steps.find(({ id }) => id === job.step);
  if (!step || canonicalJson(step.config) !== config) {
    throw new Error("the recipe or its data was changed while the pipeline ran; start it again");
  }
  const listener = {
    report: (points: never, total?: number) => post({ type: "report", points, total }),
    log: (message: string) => post({ type: "log", message }),
    sample: (done: number, sample: Sample) => post({ type: "sample", done, sample }),
  };
  const poll = (flush: () => void) => {
    if (Atomics.load(orders, 0) === ORDER.pause) flush();
    // Standing still takes the whole thread, so that nothing of the stage goes on meanwhile.
    while (Atomics.load(orders, 0) === ORDER.pause) Atomics.wait(orders, 0, ORDER.pause);
    if (Atomics.load(orders, 0) === ORDER.stop) stop();
    return undefined;
  };
  const ranks = job.ranks && { ...attachGroup(), ...job.ranks };
  const { signal } = controller;
  return await executeStep(step, job, new Store(job.store), listener, signal, poll, ranks);
}

function stop(): void {
  if (!controller.signal.aborted) controller.abort(new Interrupted());
}

/** A stage that ends the thread would leave the runner waiting for ever, so ending it becomes an error. */
function forbidExit(): void {
  const refuse = () => {
    throw new Error("the stage tried to end the process; throw an error instead");
  };
  Object.assign(Deno, { exit: refuse });
  Object.assign(process, { exit: refuse, reallyExit: refuse });
  Object.assign(self, { close: refuse });
}

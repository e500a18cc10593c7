/**
 * Runs each step in a worker of its own, so that the main thread stays free for progress and status.
 *
 * @module
 */
import { type Artifact, canonicalJson } from "../store/mod.ts";
import type { Executor } from "./execute.ts";
import { canRestrict, isolate } from "./isolation.ts";
import type { LoadOptions } from "../recipe/mod.ts";
import {
  fromPlainError,
  type FromWorker,
  Interrupted,
  ORDER,
  type ToWorker,
} from "./worker_messages.ts";

/** How long a step may take to write its checkpoint and stop. */
const GRACE_MS = 60_000;

/**
 * Makes an executor that starts one worker per step.
 *
 * @param recipe_url URL of the module whose default export is the recipe.
 * @param options.load how the recipe was loaded.
 * @param options.grace_ms time a step gets to stop once asked to; its worker is ended then.
 * @param options.restrict whether plugins get the permissions that the recipe grants and no more; by default, where
 *   Deno is configured for it.
 */
export function workerExecutor(
  recipe_url: string,
  { load = {}, grace_ms = GRACE_MS, restrict = canRestrict() }: {
    load?: LoadOptions;
    grace_ms?: number;
    restrict?: boolean;
  } = {},
): Executor {
  return async (step, job, listener, signal, gate) => {
    const url = new URL("./step_worker.ts", import.meta.url);
    const { log } = listener;
    const isolation = await isolate(step, recipe_url, job.store, { restrict, log });
    const name = `step ${step.id}`;
    const worker = new Worker(url, { type: "module", name, ...isolation.worker });
    const orders = new Int32Array(new SharedArrayBuffer(4));
    const send = (message: ToWorker) => worker.postMessage(message);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const result = Promise.withResolvers<Record<string, Artifact>>();
    const askToStop = () => {
      Atomics.store(orders, 0, ORDER.stop);
      Atomics.notify(orders, 0);
      send({ type: "stop" });
      timer = setTimeout(
        () => result.reject(new Interrupted(tooLate(step.id, grace_ms))),
        grace_ms,
      );
    };
    // A stop is the last word.
    const pauseOrGoOn = () => {
      const [from, to] = gate!.paused ? [ORDER.go_on, ORDER.pause] : [ORDER.pause, ORDER.go_on];
      Atomics.compareExchange(orders, 0, from, to);
      Atomics.notify(orders, 0);
    };
    const unlisten = gate?.onChange(pauseOrGoOn);
    if (gate) pauseOrGoOn();
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === "report") listener.report(data.points, data.total);
      else if (data.type === "log") listener.log(data.message);
      else if (data.type === "sample") listener.sample(data.done, data.sample);
      else if (data.type === "finished") result.resolve(data.outputs);
      else result.reject(isolation.explain(fromPlainError(data.error)));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      result.reject(new Error(event.message));
    };
    worker.onmessageerror = () =>
      result.reject(new Error("a message from the step was unreadable"));
    try {
      const config = canonicalJson(step.config);
      // A plugin is loaded by itself, with the config as it has become.
      const how = isolation.recipe === recipe_url ? load : {};
      send({
        type: "start",
        recipe: isolation.recipe,
        load: how,
        job,
        config,
        orders: orders.buffer,
      });
      if (signal.aborted) askToStop();
      else signal.addEventListener("abort", askToStop, { once: true });
      return await result.promise;
    } finally {
      unlisten?.();
      signal.removeEventListener("abort", askToStop);
      clearTimeout(timer);
      worker.terminate();
    }
  };
}

function tooLate(step: string, grace_ms: number): string {
  return `step "${step}" did not stop within ${grace_ms / 1000} s and was ended; ` +
    "the next run goes on from its last checkpoint if there is one";
}

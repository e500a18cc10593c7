/**
 * Runs each step in a worker of its own, so that the main thread stays free for progress and status.
 *
 * @module
 */
import { type Artifact, canonicalJson } from "../store/mod.ts";
import type { Executor, StepListener } from "./execute.ts";
import { canRestrict } from "../config/mod.ts";
import { isolate, type Isolation } from "./isolation.ts";
import type { LoadOptions } from "../recipe/mod.ts";
import { fromPlainError, Interrupted } from "./errors.ts";
import { COMMAND, type FromWorker, type ToWorker } from "./worker_messages.ts";

/** How long a step may take to write its checkpoint and stop, in milliseconds. */
const GRACE_MS = 60_000;

/**
 * Makes an executor that starts one worker per step.
 *
 * @param recipe_url URL of the module whose default export is the recipe.
 * @param options.load how the recipe was loaded.
 * @param options.grace_ms time a step has to stop when asked to; then its worker is terminated.
 * @param options.restrict whether plugins run with only the permissions that the recipe grants; by default if Deno is
 *   configured for it.
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
    const command = new Int32Array(new SharedArrayBuffer(4));
    const send = (message: ToWorker) => worker.postMessage(message);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const result = resultOf(worker, listener, isolation);
    const askToStop = () => {
      // Until the step runs there is nothing to save.
      if (!result.is_loaded) return result.reject(new Interrupted());
      Atomics.store(command, 0, COMMAND.stop);
      Atomics.notify(command, 0);
      send({ type: "stop" });
      timer = setTimeout(
        () => result.reject(new Interrupted(tooLate(step.id, grace_ms))),
        grace_ms,
      );
    };
    // A stop is final.
    const pauseOrResume = () => {
      const { run, pause } = COMMAND;
      const [from, to] = gate!.paused ? [run, pause] : [pause, run];
      Atomics.compareExchange(command, 0, from, to);
      Atomics.notify(command, 0);
    };
    const unlisten = gate?.onChange(pauseOrResume);
    if (gate) pauseOrResume();
    try {
      const { stage: { name: stage, version }, seed } = step;
      const planned = { stage, version, seed, config: canonicalJson(step.config) };
      const { plugin } = isolation;
      const { buffer } = command;
      send({
        type: "start",
        recipe: recipe_url,
        load,
        plugin,
        step: planned,
        job,
        command: buffer,
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

/** The outputs that a step's worker posts; its reports go to the listener. */
function resultOf(worker: Worker, listener: StepListener, { explain }: Isolation) {
  const result = {
    ...Promise.withResolvers<Record<string, Artifact>>(),
    is_loaded: false,
  };
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.type === "report") listener.report(data.points, data.total);
    else if (data.type === "log") listener.log(data.message);
    else if (data.type === "loaded") result.is_loaded = true;
    else if (data.type === "sample") listener.sample(data.done, data.sample);
    else if (data.type === "finished") result.resolve(data.outputs);
    else result.reject(explain(fromPlainError(data.error)));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    result.reject(new Error(event.message));
  };
  worker.onmessageerror = () =>
    result.reject(new Error("a message from the step could not be read"));
  return result;
}

function tooLate(step: string, grace_ms: number): string {
  return `step "${step}" did not stop within ${grace_ms / 1000} s and was terminated; ` +
    "the next run resumes from its last checkpoint, if there is one";
}

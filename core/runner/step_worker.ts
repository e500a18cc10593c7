/**
 * The thread of one step: loads the step, runs it, and posts what it reports. Started by `worker.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import process from "node:process";
import { attachGroup } from "../remote/mpi/mod.ts";
import { canonicalJson, Store } from "../store/mod.ts";
import { loadStep, type Step } from "../recipe/mod.ts";
import { assertStage } from "../stage/mod.ts";
import { Interrupted, toPlainError } from "./errors.ts";
import { executeStep, type Sample } from "./execute.ts";
import { exportedStage } from "./isolation.ts";
import { COMMAND, type FromWorker, type ToWorker } from "./worker_messages.ts";

type Start = ToWorker & { type: "start" };

const post = (message: FromWorker) => self.postMessage(message);
const close = self.close.bind(self);
const controller = new AbortController();

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "stop") return abort();
  try {
    forbidExit();
    post({ type: "finished", outputs: await start(data) });
  } catch (error) {
    fail(error);
  }
  close();
};

// Errors in callbacks that nothing awaits end the thread as well.
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

/** The step to run. It is loaded and checked again here, in case the recipe or its data changed since the plan. */
async function openStep({ recipe, load, plugin, step: planned, job }: Start): Promise<Step> {
  const { stage: name, version, seed, config } = planned;
  if (plugin !== undefined) {
    const stage = exportedStage(await import(plugin), name, version);
    if (!stage) {
      throw new Error(
        `${plugin} no longer exports stage "${name}" of version ${version}; start the pipeline again`,
      );
    }
    assertStage(stage, `stage "${name}"`);
    return { id: job.step, stage, seed, config: JSON.parse(config), inputs: {} };
  }
  const step = await loadStep(recipe, load, job.step);
  if (!step || canonicalJson(step.config) !== config) {
    throw new Error(
      "the recipe or its data changed while the pipeline was running; start it again",
    );
  }
  return step;
}

async function start(message: Start) {
  const { job } = message;
  const command = new Int32Array(message.command);
  const step = await openStep(message);
  post({ type: "loaded" });
  const listener = {
    report: (points: never, total?: number) => post({ type: "report", points, total }),
    log: (message: string) => post({ type: "log", message }),
    sample: (done: number, sample: Sample) => post({ type: "sample", done, sample }),
  };
  const poll = (flush: () => void) => {
    const { pause, stop } = COMMAND;
    if (Atomics.load(command, 0) === pause) flush();
    // A pause blocks the whole thread, so that nothing of the stage runs meanwhile.
    while (Atomics.load(command, 0) === pause) Atomics.wait(command, 0, pause);
    if (Atomics.load(command, 0) === stop) abort();
    return undefined;
  };
  const ranks = job.ranks && { ...attachGroup(), ...job.ranks };
  const signal = watched(controller.signal, () => {
    if (Atomics.load(command, 0) === COMMAND.stop) abort();
  });
  return await executeStep(step, job, new Store(job.store), listener, signal, poll, ranks);
}

let is_stopped = false;

function abort(): void {
  if (is_stopped) return;
  is_stopped = true;
  controller.abort(new Interrupted());
}

/** Makes a signal look for a request whenever it is asked: the message of one does not reach a loop that waits for nothing. */
function watched(signal: AbortSignal, look: () => void): AbortSignal {
  const { aborted } = Object.getOwnPropertyDescriptors(AbortSignal.prototype);
  return Object.defineProperties(signal, {
    aborted: {
      get() {
        look();
        return aborted.get!.call(signal);
      },
    },
    throwIfAborted: {
      value() {
        if (signal.aborted) throw signal.reason;
      },
    },
  });
}

/** If a stage ended the thread, the runner would wait forever, so ending it throws instead. */
function forbidExit(): void {
  const refuse = () => {
    throw new Error("the stage tried to end the process; throw an error instead");
  };
  Object.assign(Deno, { exit: refuse });
  Object.assign(process, { exit: refuse, reallyExit: refuse });
  Object.assign(self, { close: refuse });
}

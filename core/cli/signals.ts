/**
 * Ctrl-C and SIGTERM.
 *
 * @module
 */

/** A signal that is aborted by the first Ctrl-C. */
export interface StopSignal {
  readonly signal: AbortSignal;
  /** Gives the signals back to the system. */
  dispose(): void;
}

// Ctrl-C reaches the whole process group, and `deno task` and npx pass it on as well: one press, several signals.
const SAME_PRESS_MS = 1000;

/**
 * Turns the first SIGINT or SIGTERM into an abort, so that the running step can write its checkpoint. A second
 * one ends the process at once, with exit code 130: finished steps and older checkpoints are kept.
 *
 * @param on_first called at the first signal.
 */
export function onStopSignal(on_first: () => void): StopSignal {
  const controller = new AbortController();
  let first = 0;
  const stop = () => {
    if (controller.signal.aborted) {
      if (performance.now() - first > SAME_PRESS_MS) Deno.exit(130);
      return;
    }
    first = performance.now();
    controller.abort(new Error("interrupted"));
    on_first();
  };
  // Windows knows no SIGTERM.
  const names: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  names.forEach((name) => Deno.addSignalListener(name, stop));
  return {
    signal: controller.signal,
    dispose: () => names.forEach((name) => Deno.removeSignalListener(name, stop)),
  };
}

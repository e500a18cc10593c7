/**
 * What makes a run stop before its end: Ctrl-C, the warnings of schedulers, the deadline, a request.
 *
 * @module
 */
import { atDeadline, type Deadline } from "./deadline.ts";

/** EX_TEMPFAIL of sysexits.h: nothing is wrong, run it again to go on. */
export const TRY_AGAIN = 75;

/** Exit codes by what asked for the stop; as shells have them, 128 and the signal's number, where it means "end". */
const EXIT_CODES = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGUSR1: TRY_AGAIN,
  SIGUSR2: TRY_AGAIN,
  "the deadline": TRY_AGAIN,
  /** Of somebody at the status server. */
  request: 130,
};

/**
 * Signals that ask for a stop; Windows knows the first only. Schedulers are best told to send SIGUSR2: at SIGUSR1
 * Deno itself, beside what we do, opens its debugger on a port of 127.0.0.1.
 */
export const STOP_SIGNALS = (["SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2"] as const)
  .slice(0, Deno.build.os === "windows" ? 1 : undefined);

/** Why a run was asked to stop. It is the reason of the abort. */
export class StopRequest extends Error {
  override name = "StopRequest";
  constructor(readonly by: keyof typeof EXIT_CODES) {
    super(by === "SIGINT" ? "Stopped" : `Stopped by ${by}`);
  }

  /** What the command ends with. */
  get exit_code(): number {
    return EXIT_CODES[this.by];
  }
}

/** A signal that is aborted by the first thing that asks for a stop. */
export interface StopSignal {
  /** Its reason is a `StopRequest`. */
  readonly signal: AbortSignal;
  /** Asks for a stop as somebody at the status server does. */
  request(): void;
  /**
   * Gives the signals back to the system. A second SIGTERM after that ends the process with 143 whatever it was about
   * to say, so this is the last thing to do.
   */
  dispose(): void;
}

// Ctrl-C reaches the whole process group, and `deno task` and npx pass it on as well: one press, several signals.
const SAME_PRESS_MS = 1000;

/**
 * Turns the first of these signals, or the deadline, into an abort, so that the running step can write its
 * checkpoint. Ctrl-C after that ends the process at once, with exit code 130: finished steps and older checkpoints
 * are kept. Other signals do not, for schedulers send several in a row, and the last one they send is SIGKILL.
 *
 * @param on_first called when the stop is asked for.
 */
export function onStopSignal(
  on_first: () => void,
  deadline?: Deadline,
): StopSignal {
  const controller = new AbortController();
  let first = 0;
  const stop = (by: StopRequest["by"]) => {
    if (controller.signal.aborted) {
      if (by === "SIGINT" && performance.now() - first > SAME_PRESS_MS) {
        Deno.exit(EXIT_CODES.SIGINT);
      }
      return;
    }
    first = performance.now();
    controller.abort(new StopRequest(by));
    on_first();
  };
  const names = STOP_SIGNALS;
  const listeners = names.map((name) => [name, () => stop(name)] as const);
  listeners.forEach(([name, listener]) => Deno.addSignalListener(name, listener));
  const giveUp = deadline && atDeadline(deadline, () => stop("the deadline"));
  return {
    signal: controller.signal,
    request: () => stop("request"),
    dispose() {
      giveUp?.();
      listeners.forEach(([name, listener]) => Deno.removeSignalListener(name, listener));
    },
  };
}

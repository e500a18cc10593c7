/**
 * What stops a run before its end: Ctrl-C, the warnings of schedulers, `--deadline`, a request over HTTP.
 *
 * @module
 */
import { UsageError } from "../shared/console.ts";

/** EX_TEMPFAIL of sysexits.h: nothing is wrong, run it again to continue. */
export const TRY_AGAIN = 75;

/** Exit codes by what asked for the stop: as in shells 128 plus the number of the signal, where it means "end". */
const EXIT_CODES = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGUSR1: TRY_AGAIN,
  SIGUSR2: TRY_AGAIN,
  "the deadline": TRY_AGAIN,
  /** Over HTTP. */
  request: 130,
};

/**
 * Signals that ask for a stop; Windows has only the first. Have schedulers send SIGUSR2: on SIGUSR1 Deno itself also
 * opens its debugger on a port of 127.0.0.1.
 */
export const STOP_SIGNALS = (["SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2"] as const)
  .slice(0, Deno.build.os === "windows" ? 1 : undefined);

/** Why a run was asked to stop: the reason of the abort. */
export class StopRequest extends Error {
  override name = "StopRequest";
  constructor(readonly by: keyof typeof EXIT_CODES) {
    super(by === "SIGINT" ? "Stopped" : `Stopped by ${by}`);
  }

  /** Exit code of the command. */
  get exit_code(): number {
    return EXIT_CODES[this.by];
  }
}

/** An abort signal for the first request to stop. */
export interface StopSignal {
  /** Its reason is a `StopRequest`. */
  readonly signal: AbortSignal;
  /** Asks for a stop, as the status server does. */
  request(): void;
  /** Removes the signal handlers. A second SIGTERM then ends the process at once with 143, so call this last. */
  dispose(): void;
}

// Ctrl-C reaches the whole process group, and `deno task` and npx pass it on as well: one press, several signals.
const SAME_PRESS_MS = 1000;

/**
 * Turns the first of these signals, or the deadline, into an abort, so that the running step can write its
 * checkpoint. Ctrl-C after that ends the process at once, with exit code 130: finished steps and older checkpoints
 * are kept. Other signals do not: schedulers send several in a row, and end with SIGKILL.
 *
 * @param on.first called when the stop is asked for.
 * @param on.second called before the process ends at once.
 */
export function onStopSignal(
  on: { readonly first: () => void; readonly second?: () => void },
  deadline?: Deadline,
): StopSignal {
  const controller = new AbortController();
  let first = 0;
  const stop = (by: StopRequest["by"]) => {
    if (controller.signal.aborted) {
      if (by === "SIGINT" && performance.now() - first > SAME_PRESS_MS) {
        try {
          on.second?.();
        } finally {
          Deno.exit(EXIT_CODES.SIGINT);
        }
      }
      return;
    }
    first = performance.now();
    controller.abort(new StopRequest(by));
    on.first();
  };
  const listeners = STOP_SIGNALS.map((name) => [name, () => stop(name)] as const);
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

/** Milliseconds left; 0 or less once the deadline has come. */
export type Deadline = () => number;

const UNIT_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const;
const LENGTH = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/**
 * Reads the value of `--deadline`: a length of time, counted from now on a monotonic clock, or a time of day, local
 * where it has no zone.
 *
 * @returns undefined when it is neither.
 * @throws {UsageError} when the time has passed.
 *
 * @example
 * ```ts
 * import { parseDeadline } from "./stop.ts";
 * import assert from "node:assert/strict";
 *
 * assert.equal(Math.round(parseDeadline("2h30m")!() / 60_000), 150);
 * assert.throws(() => parseDeadline("2026-01-31T18:00Z", () => Date.UTC(2026, 1, 1)), /in the past/);
 * ```
 */
export function parseDeadline(text: string, now: () => number = Date.now): Deadline | undefined {
  const parts = LENGTH.exec(text);
  if (parts) {
    const lengths = Object.values(UNIT_MS).map((unit, i) => unit * Number(parts[i + 1] ?? 0));
    const ms = lengths.reduce((sum, length) => sum + length);
    const end = performance.now() + ms;
    if (ms > 0) return () => end - performance.now();
  }
  const time = TIME.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) return undefined;
  if (time <= now()) throw new UsageError(`--deadline ${text} is in the past`);
  return () => time - now();
}

/**
 * Calls a function once the deadline has come.
 *
 * @returns a function that stops waiting.
 */
export function atDeadline(left: Deadline, then: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    const ms = left();
    if (ms <= 0) return then();
    // Repeatedly: the clock may be set meanwhile, and one timer lasts at most 2^31 ms.
    timer = setTimeout(wait, Math.min(ms, 60_000));
  };
  wait();
  return () => clearTimeout(timer);
}

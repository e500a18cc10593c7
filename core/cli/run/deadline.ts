/**
 * `--deadline`: a length of time or a time of day, and a timer for it.
 *
 * @module
 */
import { UsageError } from "../shared/console.ts";

/** Milliseconds that are left; 0 or less once the deadline has come. */
export type Deadline = () => number;

const UNIT_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const;
const LENGTH = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/**
 * Reads a deadline. A length of time counts from now on a clock that nobody sets; a time of day without a zone is
 * local.
 *
 * @throws {UsageError} when it is neither, or has passed already.
 *
 * @example
 * ```ts
 * import { parseDeadline } from "./deadline.ts";
 * import assert from "node:assert/strict";
 *
 * assert.equal(Math.round(parseDeadline("2h30m")() / 60_000), 150);
 * assert.throws(() => parseDeadline("2026-01-31T18:00Z", () => Date.UTC(2026, 1, 1)), /has passed/);
 * ```
 */
export function parseDeadline(text: string, now: () => number = Date.now): Deadline {
  const parts = LENGTH.exec(text);
  if (parts) {
    const ms = Object.values(UNIT_MS).reduce(
      (sum, unit, i) => sum + unit * +(parts[i + 1] ?? 0),
      0,
    );
    const end = performance.now() + ms;
    if (ms > 0) return () => end - performance.now();
  }
  const time = TIME.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) {
    throw new UsageError(
      `--deadline ${text} is no time: give a length such as 2h30m, or a time such as 2026-01-31T18:00`,
    );
  }
  if (time <= now()) throw new UsageError(`--deadline ${text} has passed already`);
  return () => time - now();
}

/**
 * Calls a function once the deadline has come.
 *
 * @returns a function that gives up waiting.
 */
export function atDeadline(left: Deadline, then: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    const ms = left();
    if (ms <= 0) return then();
    // Again and again, for a clock may be set meanwhile, and one timer holds no longer than 2^31 ms.
    timer = setTimeout(wait, Math.min(ms, 60_000));
  };
  wait();
  return () => clearTimeout(timer);
}

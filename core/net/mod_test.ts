import assert from "node:assert/strict";
import { retrying, type RetryOptions, sleep, TransientError } from "./mod.ts";

/** Options that record the waits instead of waiting. */
function recorded(given: Partial<RetryOptions> = {}) {
  const waits: number[] = [], lines: string[] = [];
  const options = {
    ...{ retries: 2, pause_ms: 1000, log: (line: string) => void lines.push(line) },
    sleep: (ms: number) => (waits.push(ms), Promise.resolve()),
    ...given,
  };
  return { waits, lines, options };
}

const busy = (wait_ms?: number) => Promise.reject(new TransientError("busy", wait_ms));

Deno.test("waits double, and the last error is thrown after all tries", async () => {
  const { waits, lines, options } = recorded({ retries: 7 });
  await assert.rejects(
    retrying("asking", options, busy),
    /^Error: asking failed 8 times in a row, last error: busy$/,
  );
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assert.equal(lines[1], "asking: busy; trying again in 2 s");
});

Deno.test("a server may ask for a longer wait, within limits", async () => {
  const { waits, options } = recorded();
  let asked = 0;
  await assert.rejects(retrying("asking", options, () => busy([90_000, 1e9][asked++])));
  assert.deepEqual(waits, [90_000, 300_000]);
});

Deno.test("failures after progress do not add up", async () => {
  const { waits, options } = recorded({ retries: 1 });
  let bytes = 0;
  const read = () => ++bytes < 5 ? busy() : Promise.resolve("all");
  assert.equal(await retrying("reading", options, read, () => bytes), "all");
  assert.deepEqual(waits, [1000, 1000, 1000, 1000]);
});

Deno.test("other errors are thrown at once, and the caller chooses the last one", async () => {
  const { waits, options } = recorded();
  await assert.rejects(
    retrying("a", options, () => Promise.reject(new TypeError("wrong"))),
    TypeError,
  );
  const fail = (message: string) => new RangeError(message);
  await assert.rejects(retrying("a", { ...options, retries: 0, fail }, busy), {
    name: "RangeError",
    message: "a failed: busy",
  });
  assert.deepEqual(waits, []);
});

Deno.test("a wait ends at once when it is aborted", async () => {
  const stop = new AbortController();
  const waiting = sleep(60_000, stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(sleep(60_000, stop.signal), /enough/);
  await assert.rejects(
    retrying("a", { ...recorded().options, signal: stop.signal }, busy),
    /enough/,
  );
  await sleep(1, new AbortController().signal);
});

Deno.test("a server that gives a byte for each connection is given up", async () => {
  let bytes = 0;
  await assert.rejects(
    retrying("downloading x", { retries: 1, pause_ms: 0, sleep: () => Promise.resolve() }, () => {
      bytes++;
      return Promise.reject(new TransientError("cut"));
    }, () => bytes),
    /^Error: downloading x failed after 10000 connections, last error: cut$/,
  );
  assert.equal(bytes, 10_000);
});

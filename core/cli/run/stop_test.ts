import assert from "node:assert/strict";
import { atDeadline, parseDeadline } from "./stop.ts";

Deno.test("lengths of time count from now", () => {
  const lengths = { "2h30m": 9000, "90m": 5400, "1d": 86_400, "1d2h3m4s": 93_784, "45s": 45 };
  for (const [text, seconds] of Object.entries(lengths)) {
    const left = parseDeadline(text)!() / 1000;
    assert.ok(left <= seconds && left > seconds - 1, `${text}: ${left} s`);
  }
});

Deno.test("a time of day counts by the clock, in its zone or the local one", () => {
  let now = Date.UTC(2026, 0, 31, 12);
  const left = parseDeadline("2026-01-31T18:00:00+01:00", () => now)!;
  assert.equal(left(), 5 * 3_600_000);
  now += 3_600_000;
  assert.equal(left(), 4 * 3_600_000);
  const local = parseDeadline("2026-02-01T18:00", () => now)!();
  assert.equal(local, new Date(2026, 1, 1, 18).getTime() - now);
});

Deno.test("other texts are not deadlines, and times in the past are refused", () => {
  for (const text of ["soon", "0s", "h", "-2h", "30", "2h 30m", "2026-01-31", "2026-13-31T12:00"]) {
    assert.equal(parseDeadline(text), undefined, text);
  }
  assert.throws(() => parseDeadline("2020-01-31T12:00Z"), /is in the past$/);
});

Deno.test("a deadline months away is waited for, and waiting can be stopped", async () => {
  const calls: string[] = [];
  const stop = atDeadline(parseDeadline("60d")!, () => calls.push("months"));
  const end = performance.now() + 30;
  atDeadline(() => end - performance.now(), () => calls.push("soon"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  stop();
  assert.deepEqual(calls, ["soon"]);
});

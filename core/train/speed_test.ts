import assert from "node:assert/strict";
import { Speed } from "./speed.ts";

Deno.test("speed is that of the last five seconds, and the mean since the start", () => {
  let now = 1000;
  const speed = new Speed(() => now);
  const after = (ms: number, tokens: number) => {
    now += ms;
    return speed.add(tokens);
  };
  assert.deepEqual(after(1000, 100), { tokens_per_second: 100, mean_tokens_per_second: 100 });
  assert.deepEqual(after(1000, 300), { tokens_per_second: 200, mean_tokens_per_second: 200 });
  // A pause, as for a validation, counts for both.
  assert.deepEqual(after(2000, 0), { tokens_per_second: 100, mean_tokens_per_second: 100 });
  // The window begins at the end of the last step that is five seconds old.
  assert.deepEqual(after(4000, 400), {
    tokens_per_second: 400 / 6,
    mean_tokens_per_second: 100,
  });
  // One step longer than the window is measured whole.
  assert.equal(after(20_000, 1000).tokens_per_second, 50);
});

import assert from "node:assert/strict";
import { Child, lines } from "./processes.ts";

Deno.test("every request to a killed process reports that it was killed, and it can be stopped", async () => {
  const script = 'echo "{}"; read line; echo "cannot allocate" >&2; kill -9 $$';
  const { child } = await Child.start("the peer", "sh", ["-c", script]);
  assert.equal(child.alive, true);
  await assert.rejects(
    child.request({ do: "passes" }),
    /the peer exited \(SIGKILL, .* memory runs out\): cannot alloc/,
  );
  assert.equal(child.alive, false);
  await assert.rejects(child.request({ do: "passes" }), /the peer exited \(SIGKILL/);
  await child.stop();
});

Deno.test("lines are found in chunks of any size, and the last needs no line feed", async () => {
  const bytes = new TextEncoder().encode('{"a":1}\n{"b":"é"}\nrest');
  const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte));
  const read = await Array.fromAsync(lines(ReadableStream.from(chunks)));
  assert.deepEqual(read, ['{"a":1}', '{"b":"é"}', "rest"]);
});

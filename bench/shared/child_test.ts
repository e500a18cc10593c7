import assert from "node:assert/strict";
import { Child } from "./child.ts";

Deno.test("a process that was killed says so at every request, and can be stopped", async () => {
  const script = 'echo "{}"; read line; echo "cannot allocate" >&2; kill -9 $$';
  const { child } = await Child.start("the peer", "sh", ["-c", script]);
  assert.equal(child.alive, true);
  await assert.rejects(
    child.request({ do: "passes" }),
    /the peer ended \(SIGKILL, .* memory runs out\): cannot alloc/,
  );
  assert.equal(child.alive, false);
  await assert.rejects(child.request({ do: "passes" }), /the peer ended \(SIGKILL/);
  await child.stop();
});

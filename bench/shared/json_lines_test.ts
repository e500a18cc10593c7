import assert from "node:assert/strict";
import { lines } from "./json_lines.ts";

Deno.test("lines are cut wherever the chunks end, and the last needs no line feed", async () => {
  const bytes = new TextEncoder().encode('{"a":1}\n{"b":"é"}\nrest');
  const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte));
  const read = await Array.fromAsync(lines(ReadableStream.from(chunks)));
  assert.deepEqual(read, ['{"a":1}', '{"b":"é"}', "rest"]);
});

import assert from "node:assert/strict";
import { visible, visibleLine } from "./visible.ts";

Deno.test("what a terminal would obey is shown; tabs, line ends and other letters stay", () => {
  assert.equal(
    visible("\x1b]0;x\x07\x9b2J\x7f\r\0"),
    "\\u001b]0;x\\u0007\\u009b2J\\u007f\\u000d\\u0000",
  );
  assert.equal(visible("\u202eabc\u2069\u061c\ud83d!"), "\\u202eabc\\u2069\\u061c\\ud83d!");
  const kept = "a\tb\nзима 😀 👩‍👩‍👧 نص ⟦x⟧";
  assert.equal(visible(kept), kept);
  assert.equal(visibleLine("a\nb\x1b"), "a\\nb\\u001b");
});

Deno.test("JSON keeps its meaning, and nothing is escaped twice", () => {
  const value = { "\x9b": '\x1b[31m\u202e\ud800\n"\\' };
  const line = visible(JSON.stringify(value));
  assert.deepEqual(JSON.parse(line), value);
  assert.equal(visible(line), line);
});

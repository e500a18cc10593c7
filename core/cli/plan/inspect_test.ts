import assert from "node:assert/strict";
import { paint } from "../shared/console.ts";
import { renderSamples } from "./inspect.ts";

const SAMPLES = {
  step: Int32Array.of(3, 3, 3),
  row: Int32Array.of(0, 0, 1),
  source: ["gsm8k", "gsm8k", "co\u001bde"],
  document: Int32Array.of(0, 0, 0),
  supervised: Uint8Array.of(0, 1, 1),
  tokens: Int32Array.of(5, 7, 2),
  text: ["Q: 1 + 1?\n", "2\u001b[31m<|endoftext|>", "x\ty\u009b\u202e"],
};

Deno.test("rows show source and counts, with text without loss in brackets", () => {
  const lines = paint(renderSamples(SAMPLES, { color: false })).split("\n");
  assert.deepEqual(lines.slice(2), [
    "step 3, row 0: gsm8k, 12 tokens, 7 supervised",
    "⟦Q: 1 + 1?",
    "⟧2\\u001b[31m<|endoftext|>",
    "",
    "step 3, row 1: co\\u001bde, 2 tokens, 2 supervised",
    "x\ty\\u009b\\u202e",
  ]);
});

Deno.test("the answers of a conversation are spans of their own, with the template around them", () => {
  const chat = {
    ...SAMPLES,
    row: Int32Array.of(0, 0, 0, 0),
    step: Int32Array.of(3, 3, 3, 3),
    source: ["chats", "chats", "chats", "chats"],
    document: Int32Array.of(0, 0, 0, 0),
    supervised: Uint8Array.of(0, 1, 0, 1),
    tokens: Int32Array.of(3, 2, 4, 2),
    text: ["User: a\n\nAssistant:", " b<end>", "\n\nUser: c\n\nAssistant:", " d<end>"],
  };
  assert.deepEqual(renderSamples(chat, { color: false }).split("\n").slice(2), [
    "step 3, row 0: chats, 11 tokens, 4 supervised in 2 spans",
    "⟦User: a",
    "",
    "Assistant:⟧ b<end>⟦",
    "",
    "User: c",
    "",
    "Assistant:⟧ d<end>",
  ]);
});

Deno.test("a terminal shows them in colours, and a bar between documents", () => {
  const two = { ...SAMPLES, document: Int32Array.of(0, 1, 0) };
  const text = paint(renderSamples(two, { color: true }));
  assert.ok(text.includes("\x1b[2mQ: 1 + 1?\n\x1b[0m\n── document ──\n\x1b[32m2"), text);
  assert.ok(text.includes("\\u001b[31m<|endoftext|>\x1b[0m"), text);
});

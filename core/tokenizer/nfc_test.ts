import assert from "node:assert/strict";
import { normalizeNfc, normalizeNfcUtf8 } from "./nfc.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);

Deno.test("normalizes like the Rust tokenizers, including characters newer than their tables", () => {
  const pairs: [string, string][] = JSON.parse(
    Deno.readTextFileSync(new URL("normalized.json", FIXTURES)),
  );
  for (const [text, expected] of pairs) {
    assert.equal(normalizeNfc(text), expected, JSON.stringify(text));
  }
  assert.ok(pairs.some(([text, expected]) => text.normalize("NFC") !== expected));
});

Deno.test("does not copy UTF-8 that is already normalized", () => {
  const encoder = new TextEncoder();
  for (const text of ["plain", "Größe", "“quoted” 你好 🙂"]) {
    const bytes = encoder.encode(text);
    assert.equal(normalizeNfcUtf8(bytes), bytes);
  }
  assert.deepEqual(normalizeNfcUtf8(encoder.encode("\ufeffe\u0301")), encoder.encode("\ufeffé"));
});

import assert from "node:assert/strict";
import { normalizeNfc, normalizeNfcUtf8 } from "./nfc.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);

Deno.test("normalizes as the Rust tokenizers do, also what is younger than their tables", () => {
  const pairs: [string, string][] = JSON.parse(
    Deno.readTextFileSync(new URL("normalized.json", FIXTURES)),
  );
  for (const [text, expected] of pairs) {
    assert.equal(normalizeNfc(text), expected, JSON.stringify(text));
  }
  assert.ok(pairs.some(([text, expected]) => text.normalize("NFC") !== expected));
});

Deno.test("UTF-8 that is normalized already is not copied", () => {
  const encoder = new TextEncoder();
  for (const text of ["plain", "Größe", "“quoted” 你好 🙂"]) {
    const bytes = encoder.encode(text);
    assert.equal(normalizeNfcUtf8(bytes), bytes);
  }
  assert.deepEqual(normalizeNfcUtf8(encoder.encode("\ufeffe\u0301")), encoder.encode("\ufeffé"));
});

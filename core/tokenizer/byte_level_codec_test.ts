import assert from "node:assert/strict";
import { ByteLevelCodec } from "./byte_level_codec.ts";
import { byteLevelDefinition } from "./definition.ts";
import { TokenBuffer } from "./token_buffer.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);
const definition = byteLevelDefinition(
  JSON.parse(Deno.readTextFileSync(new URL("tokenizer.json", FIXTURES))),
)!;

Deno.test("more words than are remembered change no ids", () => {
  // 20,000 different words of 250 bytes, which are more than the memory holds, among some that come again.
  const texts = Array.from({ length: 20_000 }, (_, i) => ` the word ${i} is ${"x".repeat(245)}`)
    .map((text, i) => text + String.fromCharCode(...Array.from(String(i), (c) => Number(c) + 97)));
  const encode = (codec: ByteLevelCodec, text: string) => {
    const out = new TokenBuffer(1000);
    codec.encodeInto(new TextEncoder().encode(text), out);
    return [...out.slice()];
  };
  const codec = new ByteLevelCodec(definition);
  for (const text of texts) encode(codec, text);
  for (const i of [0, 7, 15_000, 19_999]) {
    const ids = encode(codec, texts[i]);
    assert.deepEqual(ids, encode(new ByteLevelCodec(definition), texts[i]));
    assert.equal(codec.decode(ids), texts[i]);
  }
});

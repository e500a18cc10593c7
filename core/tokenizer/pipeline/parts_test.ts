import assert from "node:assert/strict";
import { TokenBuffer } from "../buffers.ts";
import type { Definition } from "../shapes.ts";
import { PipelineCodec } from "./mod.ts";

/** See tests/parity/make_tokenizer_parts_fixtures.py. */
interface Parts {
  readonly texts: readonly string[];
  readonly bytes_model: Definition["model"];
  readonly tokenizers: Readonly<
    Record<string, Omit<Definition, "model"> & { model: Definition["model"] | "bytes" }>
  >;
  readonly ids: Readonly<Record<string, string>>;
  readonly decoded_tokens: readonly string[];
  readonly decoders: Readonly<Record<string, Definition["decoder"]>>;
  readonly id_lists: readonly (readonly number[])[];
  readonly decoded: Readonly<Record<string, string>>;
}

/** FNV-1a of the bytes of uint32 values, folded to 16 bits, in hexadecimal. */
function digest(values: Iterable<number>): string {
  let result = 0x811c9dc5;
  for (const value of values) {
    for (let shift = 0; shift < 32; shift += 8) {
      result = Math.imul(result ^ (value >>> shift & 0xff), 0x01000193);
    }
  }
  return (result >>> 16 ^ result & 0xffff).toString(16).padStart(4, "0");
}

interface Difference {
  readonly name: string;
  /** How many texts differ, or why the tokenizer is refused. */
  readonly found: string;
  readonly shown: readonly string[];
}

/** What differs from the Rust library, or is refused. */
function* differences(parts: Parts): Generator<Difference> {
  const encoder = new TextEncoder(), out = new TokenBuffer(2 ** 31);
  function* compare<Item>(
    name: string,
    codec: () => PipelineCodec,
    items: readonly Item[],
    expected: string,
    digestOf: (codec: PipelineCodec, item: Item) => string,
  ): Generator<Difference> {
    try {
      const made = codec();
      const wrong = items.filter((item, i) =>
        digestOf(made, item) !== expected.slice(4 * i, 4 * i + 4)
      );
      if (wrong.length === 0) return;
      const shown = wrong.slice(0, 3).map((item) => JSON.stringify(item));
      yield { name, found: `${wrong.length} of ${items.length} differ`, shown };
    } catch (error) {
      yield { name, found: (error as Error).message, shown: [] };
    }
  }
  for (const [name, definition] of Object.entries(parts.tokenizers)) {
    const model = definition.model === "bytes" ? parts.bytes_model : definition.model;
    const codec = () => new PipelineCodec({ ...definition, model });
    yield* compare(name, codec, parts.texts, parts.ids[name], (codec, text) => {
      out.clear();
      codec.encodeInto(encoder.encode(text), out);
      return digest(out.slice());
    });
  }
  const vocab = Object.fromEntries(parts.decoded_tokens.map((token, id) => [token, id]));
  const model = { type: "WordLevel", vocab, unk_token: "<unk>" };
  for (const [name, decoder] of Object.entries(parts.decoders)) {
    const codec = () => new PipelineCodec({ decoder, model });
    yield* compare(name, codec, parts.id_lists, parts.decoded[name], (codec, ids) => {
      return digest(encoder.encode(codec.decode(ids)));
    });
  }
}

/** Another file of make_tokenizer_parts_fixtures.py, with more texts. */
const FILE = Deno.env.get("CAUSEWAY_TOKENIZER_PARTS") ??
  new URL("../../../tests/fixtures/tokenizer/parts.json", import.meta.url);

Deno.test("every part of a tokenizer gives the ids and texts of the Rust library, or is refused", () => {
  const found = [...differences(JSON.parse(Deno.readTextFileSync(FILE)))];
  assert.deepEqual(found, []);
});

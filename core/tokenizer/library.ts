/**
 * Tokenizers of any kind, through `@huggingface/transformers`; the only file that imports it.
 *
 * @module
 */
import type { Codec } from "./tokenizer.ts";
import type { Definition } from "./definition.ts";

/**
 * Makes a codec of the library's tokenizer.
 *
 * @param definition content of `tokenizer.json`
 * @param settings content of `tokenizer_config.json`
 */
export async function libraryCodec(definition: Definition, settings: object): Promise<Codec> {
  const { PreTrainedTokenizer } = await importTransformers();
  const tokenizer = new PreTrainedTokenizer(definition, settings);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const options = { skip_special_tokens: false, clean_up_tokenization_spaces: false };
  return {
    encodeInto(bytes, out) {
      const ids = tokenizer.encode(decoder.decode(bytes), { add_special_tokens: false });
      out.append(ids, 0, ids.length);
    },
    decode: (ids) => ids.length === 0 ? "" : tokenizer.decode(Array.from(ids), options),
  };
}

/**
 * The library is loaded when it is first needed, because it is large. It takes a defined `location` for a sign of
 * a web page and builds URLs from its origin, which a worker started from a file does not have; so `location`
 * is hidden while it loads.
 */
async function importTransformers() {
  const location = Object.getOwnPropertyDescriptor(globalThis, "location");
  if (location) Reflect.deleteProperty(globalThis, "location");
  try {
    return await import("@huggingface/transformers");
  } finally {
    if (location) Object.defineProperty(globalThis, "location", location);
  }
}

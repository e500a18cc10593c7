/**
 * A worker of `EncoderPool`.
 *
 * @module
 */
import { loadTokenizer } from "./load.ts";
import { type PackedTexts, unpack } from "./text_batch.ts";
import { type TokenArray, TokenBuffer } from "./token_buffer.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { serve } from "./worker_pool.ts";

export type EncoderRequest =
  | {
    readonly type: "load";
    readonly files: { readonly "tokenizer.json": string; readonly "tokenizer_config.json": string };
  }
  /** Texts are prompt and rest of each document in turn. */
  | { readonly type: "encode"; readonly texts: PackedTexts };

/** Nothing to `load`. To `encode`, the tokens of all documents: */
export type EncoderReply = undefined | {
  readonly values: TokenArray;
  /** Where those of each document end. */
  readonly ends: Float64Array<ArrayBuffer>;
  readonly prompt_lengths: Float64Array<ArrayBuffer>;
};

let loaded: Promise<Tokenizer>;
let out: TokenBuffer | undefined;

serve(async (request: EncoderRequest) => {
  if (request.type === "load") {
    const { files } = request;
    loaded = loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);
    await loaded;
    return {};
  }
  const reply = encodeAll(await loaded, request.texts);
  const transfer = [reply.values.buffer, reply.ends.buffer, reply.prompt_lengths.buffer];
  return { reply, transfer };
});

function encodeAll(tokenizer: Tokenizer, texts: PackedTexts): NonNullable<EncoderReply> {
  out ??= new TokenBuffer(tokenizer.vocab_size);
  out.clear();
  const ends = new Float64Array(texts.ends.length / 2);
  const prompt_lengths = new Float64Array(ends.length);
  let part = 0;
  for (const bytes of unpack(texts)) {
    tokenizer.encodeInto(bytes, out);
    const document = part >> 1;
    if (part++ % 2 === 0) {
      prompt_lengths[document] = out.length - (ends[document - 1] ?? 0);
    } else {
      out.push(tokenizer.end_of_text);
      ends[document] = out.length;
    }
  }
  return { values: out.slice(), ends, prompt_lengths };
}

/**
 * What a tokenizer does, whatever it is made of.
 *
 * @module
 */
import { type TokenArray, TokenBuffer } from "./token_buffer.ts";

/** Text to ids and back. */
export interface Codec {
  /**
   * Appends the ids of a text; nothing is added before or after it.
   *
   * @param bytes UTF-8, well formed.
   */
  encodeInto(bytes: Uint8Array, out: TokenBuffer): void;
  /** Text of ids, special tokens written out. */
  decode(ids: ArrayLike<number>): string;
}

/** Text to tokenize. */
export interface DocumentText {
  readonly text: string;
  /** UTF-16 units of the prompt that the text begins with; 0 without one. */
  readonly prompt_length_chars?: number;
}

export interface EncodedDocument {
  /** Ids of the prompt, of the rest, and the one that ends the document. */
  readonly tokens: TokenArray;
  /** Tokens of the prompt. */
  readonly prompt_length: number;
  /** UTF-8 length of the text. */
  readonly text_bytes: number;
}

/** A tokenizer and its vocabulary. Lone surrogates, which have no UTF-8 form, count as U+FFFD. */
export interface Tokenizer extends Codec {
  /** `byte_level` is our own, `library` that of `@huggingface/transformers`. */
  readonly kind: "byte_level" | "library";
  /** One more than the largest id. */
  readonly vocab_size: number;
  /** Id of the token that ends a document. */
  readonly end_of_text: number;
  /** Ids of a text; nothing is added before or after it. */
  encode(text: string): TokenArray;
  /**
   * Tokenizes a document. The prompt is tokenized on its own, so that the boundary of the loss falls between two
   * tokens.
   */
  encodeDocument(document: DocumentText): EncodedDocument;
}

/** UTF-8 of the prompt and of the rest of a document. */
export function documentParts(
  { text, prompt_length_chars = 0 }: DocumentText,
): [prompt: Uint8Array, rest: Uint8Array] {
  const encoder = new TextEncoder();
  return [
    encoder.encode(text.slice(0, prompt_length_chars)),
    encoder.encode(text.slice(prompt_length_chars)),
  ];
}

/** Makes a tokenizer of a codec. */
export function makeTokenizer(
  codec: Codec,
  about: Pick<Tokenizer, "kind" | "vocab_size" | "end_of_text">,
): Tokenizer {
  const out = new TokenBuffer(about.vocab_size);
  const encode = (...parts: Uint8Array[]) => {
    out.clear();
    return parts.map((bytes) => (codec.encodeInto(bytes, out), out.length));
  };
  return {
    ...about,
    encodeInto: (bytes, out) => codec.encodeInto(bytes, out),
    decode: (ids) => codec.decode(ids),
    encode(text) {
      encode(new TextEncoder().encode(text));
      return out.slice();
    },
    encodeDocument(document) {
      const [prompt, rest] = documentParts(document);
      const [prompt_length] = encode(prompt, rest);
      out.push(about.end_of_text);
      return { tokens: out.slice(), prompt_length, text_bytes: prompt.length + rest.length };
    },
  };
}

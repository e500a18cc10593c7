/**
 * The interface of all tokenizers.
 *
 * @module
 */
import { type TokenArray, TokenBuffer } from "./buffers.ts";
import type { TokenIds } from "./special_tokens.ts";

/** Text to ids and back. */
export interface Codec {
  /**
   * Appends the ids of a text, without adding special tokens.
   *
   * @param bytes well-formed UTF-8.
   */
  encodeInto(bytes: Uint8Array, out: TokenBuffer): void;
  /** The text of ids, special tokens included. */
  decode(ids: ArrayLike<number>): string;
  /** How many control tokens in texts were encoded as the text that they are, so far. */
  left_as_text: number;
}

/** Text to tokenize. */
export interface DocumentText {
  readonly text: string;
  /** Length of the leading prompt in UTF-16 units; 0 if there is none. */
  readonly prompt_length_chars?: number;
}

export interface EncodedDocument {
  /** Ids of the prompt and the rest, then the end-of-text id. */
  readonly tokens: TokenArray;
  /** Number of prompt tokens. */
  readonly prompt_length: number;
  /** UTF-8 length of the text. */
  readonly text_bytes: number;
  /** Control tokens in the text that were encoded as the text that they are. */
  readonly left_as_text: number;
}

/** A tokenizer and its vocabulary. Lone surrogates, which have no UTF-8 form, are treated as U+FFFD. */
export interface Tokenizer extends Codec, TokenIds {
  /** `byte_level`: GPT-2's kind, fast; `pipeline`: made of the parts that its file lists. */
  readonly kind: "byte_level" | "pipeline";
  /** One more than the largest id. */
  readonly vocab_size: number;
  /** Id of the token that ends a document. */
  readonly end_of_text: number;
  /** Ids of a text, without adding special tokens. */
  encode(text: string): TokenArray;
  /** Tokenizes a document. The prompt is tokenized separately, so that the loss mask starts at a token boundary. */
  encodeDocument(document: DocumentText): EncodedDocument;
}

/** The prompt and the rest of a document in UTF-8. */
export function documentParts(
  { text, prompt_length_chars = 0 }: DocumentText,
): [prompt: Uint8Array, rest: Uint8Array] {
  const encoder = new TextEncoder();
  return [
    encoder.encode(text.slice(0, prompt_length_chars)),
    encoder.encode(text.slice(prompt_length_chars)),
  ];
}

/** Makes a tokenizer from a codec. */
export function makeTokenizer(
  codec: Codec,
  about: Pick<Tokenizer, "kind" | "vocab_size" | "end_of_text"> & TokenIds,
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
    get left_as_text() {
      return codec.left_as_text;
    },
    encode(text) {
      encode(new TextEncoder().encode(text));
      return out.slice();
    },
    encodeDocument(document) {
      const [prompt, rest] = documentParts(document), before = codec.left_as_text;
      const [prompt_length] = encode(prompt, rest);
      out.push(about.end_of_text);
      return {
        tokens: out.slice(),
        prompt_length,
        text_bytes: prompt.length + rest.length,
        left_as_text: codec.left_as_text - before,
      };
    },
  };
}

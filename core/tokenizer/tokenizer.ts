/**
 * The interface of all tokenizers.
 *
 * @module
 */
import { answerSpan } from "../stage/mod.ts";
import { type TokenArray, TokenBuffer } from "./buffers.ts";
import type { Codec } from "./codec.ts";
import { appendChat } from "./chat/encode.ts";
import type { RenderedChat } from "./chat/template.ts";
import { commonLength, decodeAfter } from "./decoding.ts";
import type { TokenIds } from "./special_tokens.ts";

/** Text to tokenize. */
export interface DocumentText {
  readonly text: string;
  /** Length of the leading prompt in UTF-16 units; 0 if there is none. */
  readonly prompt_length_chars?: number;
  /**
   * Of a conversation as its chat template wrote it: pairs [start, end) of what the assistant writes, in UTF-16 units.
   * Its control tokens are tokens, and nothing is added to it.
   */
  readonly answer_spans_chars?: readonly number[];
}

export interface EncodedDocument {
  /** Ids of the prompt and the rest, then the end-of-text id; of a conversation those of its text alone. */
  readonly tokens: TokenArray;
  /** Pairs [start, end) of tokens that are labels: those after the prompt, or the answers of a conversation. */
  readonly loss_spans: Uint32Array;
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
  /** Ids that every document begins with: the BOS token, or none. */
  readonly prefix_ids: readonly number[];
  /** Ids of a text, without adding special tokens. */
  encode(text: string): TokenArray;
  /** Ids of a text to continue: as a document begins; of an empty text the end-of-text token if there is no BOS token. */
  encodePrompt(text: string): number[];
  /**
   * The ids of a prompt that stay the same when an answer follows, and the end of the prompt that they leave out. For
   * example, a blank at the end becomes part of the token of the next word.
   */
  encodeOpenPrompt(text: string): { tokens: number[]; left_out: string };
  /**
   * Tokenizes a document as a whole. Its prompt are the tokens at the start that the prompt has by itself; a token that
   * spans the end of the prompt belongs to the answer.
   */
  encodeDocument(document: DocumentText): EncodedDocument;
  /** Tokenizes a conversation as its template wrote it; `loss_spans` are what the assistant writes. */
  encodeChat(chat: RenderedChat): EncodedDocument;
}

/**
 * The parts of a document in UTF-8: the prompt and the rest; of a conversation what the template wrote and what the
 * assistant, in turn.
 */
export function documentParts(
  { text, prompt_length_chars = 0, answer_spans_chars }: DocumentText,
): Uint8Array[] {
  const encoder = new TextEncoder();
  const bounds = [0, ...answer_spans_chars ?? [prompt_length_chars], text.length];
  return bounds.slice(1).map((end, i) => encoder.encode(text.slice(bounds[i], end)));
}

/** What a tokenizer has beside its codec. */
type About = Pick<Tokenizer, "kind" | "vocab_size" | "end_of_text" | "prefix_ids"> & TokenIds;

/**
 * Appends the ids of a document: BOS, text, end of text.
 *
 * @param prompt UTF-8 of the prompt, with which `whole` begins.
 * @param scratch for the ids of the prompt.
 */
export function appendDocument(
  codec: Codec & Pick<Tokenizer, "end_of_text" | "prefix_ids">,
  { prompt, whole }: { prompt: Uint8Array; whole: Uint8Array },
  out: TokenBuffer,
  scratch: TokenBuffer,
): { loss_spans: Uint32Array; left_as_text: number } {
  scratch.clear();
  if (prompt.length > 0) codec.encodeInto(prompt, scratch);
  const before = codec.left_as_text;
  for (const id of codec.prefix_ids) out.push(id);
  const start = out.length;
  codec.encodeInto(whole, out);
  const common = commonLength(scratch.slice(), out.values.subarray(start, out.length));
  out.push(codec.end_of_text);
  const prompt_length = prompt.length === 0 ? 0 : codec.prefix_ids.length + common;
  const length = codec.prefix_ids.length + out.length - start;
  return {
    loss_spans: Uint32Array.from(answerSpan(prompt_length, length)),
    left_as_text: codec.left_as_text - before,
  };
}

/** What an answer may begin with: a letter. */
const ANSWER = "x";

/** Makes a tokenizer from a codec. */
export function makeTokenizer(codec: Codec, about: About): Tokenizer {
  const out = new TokenBuffer(about.vocab_size), scratch = new TokenBuffer(about.vocab_size);
  const encoder = new TextEncoder();
  const encode = (text: string) => {
    out.clear();
    codec.encodeInto(encoder.encode(text), out);
    return out.slice();
  };
  const { prefix_ids, end_of_text } = about;
  return {
    ...about,
    encodeInto: (bytes, out) => codec.encodeInto(bytes, out),
    decode: (ids) => codec.decode(ids),
    byteLength: codec.byteLength && ((id) => codec.byteLength!(id)),
    get left_as_text() {
      return codec.left_as_text;
    },
    encode,
    encodePrompt(text) {
      const ids = [...prefix_ids, ...encode(text)];
      return ids.length === 0 ? [end_of_text] : ids;
    },
    encodeOpenPrompt(text) {
      const ids = encode(text), kept = commonLength(ids, encode(text + ANSWER));
      const [tokens, rest] = [Array.from(ids.subarray(0, kept)), Array.from(ids.subarray(kept))];
      const left_out = decodeAfter(codec, tokens, rest);
      // A text of which nothing is left, or that does not end like its tokens, is given as it is.
      return kept === 0 || !text.endsWith(left_out)
        ? { tokens: [...prefix_ids, ...ids], left_out: "" }
        : { tokens: [...prefix_ids, ...tokens], left_out };
    },
    encodeDocument(document) {
      const { text, answer_spans_chars } = document;
      if (answer_spans_chars) return this.encodeChat({ text, spans: answer_spans_chars });
      const [prompt, rest] = documentParts(document);
      const whole = new Uint8Array(prompt.length + rest.length);
      whole.set(prompt);
      whole.set(rest, prompt.length);
      out.clear();
      const about_it = appendDocument(this, { prompt, whole }, out, scratch);
      return { tokens: out.slice(), text_bytes: whole.length, ...about_it };
    },
    encodeChat({ text, spans }) {
      const parts = documentParts({ text, answer_spans_chars: spans });
      let at = 0;
      const bounds = parts.map(({ length }) => at += length), whole = encoder.encode(text);
      out.clear();
      const loss_spans = appendChat(codec, whole, bounds.slice(0, -1), out);
      return { tokens: out.slice(), text_bytes: whole.length, loss_spans, left_as_text: 0 };
    },
  };
}

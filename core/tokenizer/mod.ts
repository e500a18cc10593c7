/**
 * Tokenizers: trains byte-level BPE, loads Hugging Face tokenizer files, and tokenizes on all processors.
 *
 * @module
 */
export { bos_schema } from "./bos.ts";
export type { BosSetting } from "./bos.ts";
export { TokenBuffer } from "./buffers.ts";
export type { TokenArray } from "./buffers.ts";
export { chatTemplateOf, openChatTemplate, OWN_TEMPLATES, withChatTemplate } from "./chat/files.ts";
export { learnedSpans, loss_on_schema, type LossOn } from "./chat/loss_on.ts";
export { ChatRefusal, ChatTemplate } from "./chat/template.ts";
export type { Message, RenderedChat } from "./chat/template.ts";
export { EncoderPool } from "./encoder_pool.ts";
export type { EncodedItem } from "./encoder_pool.ts";
export {
  COMPANION_FILES,
  completeFiles,
  END_OF_TEXT,
  noTokenizer,
  readTexts,
  readTokenizerFiles,
  setBos,
  TOKENIZER_FILES,
  tokenizerFiles,
  tokenizerSources,
} from "./files.ts";
export type { TokenizerFiles, TokenizerSource } from "./files.ts";
export { type FileTexts, TOKEN_SOURCES, type TokenIds, withTokenIds } from "./special_tokens.ts";
export { tokenizerFingerprint } from "./fingerprint.ts";
export { endOfTextId, loadTokenizer, openTokenizer, vocabularySize } from "./load.ts";
export { firstCharacters, firstWords, type TextCut, textPrefix } from "./text_prefix.ts";
export { decodeAfter } from "./decoding.ts";
export type { DocumentText, EncodedDocument, Tokenizer } from "./tokenizer.ts";
export { trainByteLevelBpe } from "./train_bpe.ts";
export type { BpeModel, BpeOptions } from "./train_bpe.ts";
export type { PoolOptions } from "./worker_pool.ts";

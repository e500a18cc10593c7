/**
 * Tokenizers: training of byte-level BPE, loading of Hugging Face tokenizer files, and tokenizing on all processors.
 *
 * @module
 */
export { EncoderPool } from "./encoder_pool.ts";
export type { EncodedItem } from "./encoder_pool.ts";
export { END_OF_TEXT, tokenizerFiles } from "./files.ts";
export type { TokenizerFiles } from "./files.ts";
export { loadTokenizer } from "./load.ts";
export { TokenBuffer } from "./token_buffer.ts";
export type { TokenArray } from "./token_buffer.ts";
export type { DocumentText, EncodedDocument, Tokenizer } from "./tokenizer.ts";
export { trainByteLevelBpe } from "./train_bpe.ts";
export type { BpeModel, BpeOptions } from "./train_bpe.ts";
export { vocabularySize } from "./vocabulary.ts";
export type { PoolOptions } from "./worker_pool.ts";

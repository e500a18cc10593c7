/**
 * Tokenizers: training of byte-level BPE, and loading of Hugging Face tokenizer files.
 *
 * @module
 */
export { END_OF_TEXT, tokenizerFiles } from "./files.ts";
export type { TokenizerFiles } from "./files.ts";
export { loadTokenizer } from "./load.ts";
export type { Tokenizer } from "./load.ts";
export { trainByteLevelBpe } from "./train_bpe.ts";
export type { BpeModel, BpeOptions } from "./train_bpe.ts";
export { vocabularySize } from "./vocabulary.ts";

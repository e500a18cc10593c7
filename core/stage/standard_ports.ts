/**
 * The ports that the built-in stages share, so that a plugin can connect to them.
 *
 * @module
 */
import { files, table } from "./ports.ts";

/**
 * Tokenized documents, one row each. `source` is the name mixtures refer to ("general", "code"), `dataset`
 * the dataset card the document came from. `loss_spans` are ascending pairs [start, end) of positions whose tokens are
 * labels in fine-tuning: [0, n] for a whole text of n tokens, [p, n] after a prompt of p, one pair for each answer of a
 * conversation, and none where nothing is to be learned. Token 0 is never a label. `text_bytes` is the UTF-8 length of the document, for bits per byte. Each document ends with the
 * end-of-text token.
 */
export const tokens = table({
  source: "utf8",
  dataset: "utf8",
  tokens: "list<uint16|uint32>",
  loss_spans: "list<uint32>",
  text_bytes: "int32",
}, "tokenized documents");

/** What each dataset gave, one row per source, dataset and split. `text_bytes` is UTF-8. */
export const dataset_summary = table({
  source: "utf8",
  dataset: "utf8",
  split: "utf8",
  documents: "int32",
  tokens: "float64",
  text_bytes: "float64",
  licence: "utf8",
}, "documents, tokens and UTF-8 bytes per source, dataset and split, with the licence");

/** `tokenizer.json` and `tokenizer_config.json` in the Hugging Face format. */
export const tokenizer = files("tokenizer", "a Hugging Face tokenizer");

/**
 * A model and, if training can continue from it, the trainer's state: `config.json`, `model.safetensors`
 * (Hugging Face names and layout), `optimizer.safetensors`, `trainer_state.json`.
 */
export const checkpoint = files("checkpoint", "model weights and trainer state");

/** Measurements along training, one row per logged step. Losses in nats per token. */
export const training_metrics = table({
  step: "int32",
  tokens: "float64",
  loss: "float64",
  learning_rate: "float64",
  grad_norm: "float64",
}, "training loss, learning rate and gradient norm by step");

/**
 * The peak learning rate with the lowest held-out loss on each source, and the loss before fine-tuning, in nats per
 * token.
 */
export const learning_rates = table({
  source: "utf8",
  learning_rate: "float64",
  loss: "float64",
  loss_before: "float64",
}, "the best peak learning rate for each source");

/** Validation losses along training, one row per evaluation and source; bits per byte as in `evaluation`. */
export const validation_metrics = table({
  step: "int32",
  source: "utf8",
  loss: "float64",
  bits_per_byte: "nullable<float64>",
  tokens: "float64",
}, "validation loss by step and source");

/**
 * Validation losses of single documents, one row per evaluation, source and document of the eval set: summed over its
 * tokens that are labels, in nats, and the number of these, so that Σ loss_sum / Σ tokens is the validation loss. `document`
 * is the index within the source; a document in several packed sequences has one row. Documents in no sequence, or without
 * labels, have none.
 */
export const document_losses = table({
  step: "int32",
  source: "utf8",
  document: "int32",
  loss_sum: "float64",
  tokens: "int32",
}, "validation loss of every document");

/**
 * Requested and achieved mixture, one row per source and interval of constant mixture. Shares are of tokens. `from_token`
 * and `to_token` are positions in the run, including earlier phases; `phase_epochs` are passes over the
 * source within the interval, `epochs` since the start of the run, above 1 where documents were repeated; data that
 * started over count each time.
 */
export const mixture_ledger = table({
  from_token: "float64",
  to_token: "float64",
  source: "utf8",
  requested_share: "float64",
  achieved_share: "float64",
  tokens: "float64",
  available_tokens: "float64",
  phase_epochs: "float64",
  epochs: "float64",
}, "tokens drawn per source");

/**
 * Rows of training batches as spans of text, in order. A span ends where supervision or the document changes. Loss is
 * computed on `supervised` spans only; spans of different documents in a row do not attend to each other. `step` counts
 * from 0 within the phase.
 */
export const batch_samples = table({
  step: "int32",
  row: "int32",
  source: "utf8",
  document: "int32",
  supervised: "bool",
  tokens: "int32",
  text: "utf8",
}, "rows of training batches as text, with what is supervised");

/**
 * Loss of each model on each source. `loss` in nats per token, which only models of one tokenizer have in common;
 * `bits_per_byte` of the original text, by the bytes per token of the whole source, or of the answers where prompts are
 * masked; null where the bytes are unknown.
 */
export const evaluation = table({
  model: "utf8",
  source: "utf8",
  loss: "float64",
  bits_per_byte: "nullable<float64>",
  tokens: "float64",
}, "held-out loss per model and source");

/**
 * CKA between layer `layer_a` of `model_a` and `layer_b` of `model_b`; layer 0 is the embedding. `rows` says what a
 * row of the features is: "positions" (every position of every sequence) or "document_mean" (the mean over the positions
 * of one text). The interval is null if none was requested, or none can be computed.
 */
export const cka = table({
  probe: "utf8",
  rows: "utf8",
  model_a: "utf8",
  model_b: "utf8",
  layer_a: "int32",
  layer_b: "int32",
  cka: "float64",
  ci_low: "nullable<float64>",
  ci_high: "nullable<float64>",
}, "linear CKA of hidden states");

/**
 * How far the final layer has moved from one model to another: `shift` is 1 - `last`, `last` the CKA of the two last
 * layers, and the interval that of `shift`, null if none was requested. `mean_same_layer` is the mean CKA of layers of
 * the same number, the embedding included; `rows` as in `cka`. Models are not compared with themselves.
 */
export const final_layer_shift = table({
  probe: "utf8",
  rows: "utf8",
  model_a: "utf8",
  model_b: "utf8",
  last: "float64",
  mean_same_layer: "float64",
  shift: "float64",
  ci_low: "nullable<float64>",
  ci_high: "nullable<float64>",
}, "shift of the final layer between models");

/**
 * Similarity of two token distributions and its components (paper, Appendix C). The interval is that of `similarity`,
 * null if none was requested.
 */
export const similarity = table({
  a: "utf8",
  b: "utf8",
  cosine: "float64",
  jaccard: "float64",
  overlap: "float64",
  jensen_shannon: "float64",
  similarity: "float64",
  ci_low: "nullable<float64>",
  ci_high: "nullable<float64>",
}, "dataset similarity");

/**
 * What the tokenize stage reads and writes.
 *
 * @module
 */
import { optional, ports, type StageContext, table } from "../../core/stage/mod.ts";
import type { Config } from "./config.ts";

export const inputs = { tokenizer: optional(ports.tokenizer) };

export const outputs = {
  tokenizer: ports.tokenizer,
  train: ports.tokens,
  validation: ports.tokens,
  summary: table({
    source: "utf8",
    dataset: "utf8",
    split: "utf8",
    documents: "int32",
    tokens: "float64",
    text_bytes: "float64",
    licence: "utf8",
  }, "documents, tokens and UTF-8 bytes per source, dataset and split, with the licence"),
};

export type Context = StageContext<Config, typeof inputs, typeof outputs>;

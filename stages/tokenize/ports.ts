/**
 * What the tokenize stage reads and writes.
 *
 * @module
 */
import { optional, ports, type StageContext } from "../../core/stage/mod.ts";
import type { Config } from "./config.ts";

export const inputs = { tokenizer: optional(ports.tokenizer) };

export const outputs = {
  tokenizer: ports.tokenizer,
  train: ports.tokens,
  validation: ports.tokens,
  summary: ports.dataset_summary,
};

export type Context = StageContext<Config, typeof inputs, typeof outputs>;

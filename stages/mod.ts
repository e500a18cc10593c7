/**
 * The built-in stages, in the order of a pipeline. A stage is registered by being listed here; a recipe can also use
 * any other that it imports.
 *
 * @module
 */
import type { AnyStage } from "../core/stage/mod.ts";
import { checkpoint_at } from "./checkpoint_at/mod.ts";
import { cka } from "./cka/mod.ts";
import { evaluate } from "./evaluate/mod.ts";
import { evaluate_tasks } from "./evaluate_tasks/mod.ts";
import { given_model } from "./given_model/mod.ts";
import { given_tokenizer } from "./given_tokenizer/mod.ts";
import { midtrain } from "./midtrain/mod.ts";
import { pretrain } from "./pretrain/mod.ts";
import { sft } from "./sft/mod.ts";
import { similarity } from "./similarity/mod.ts";
import { tokenize } from "./tokenize/mod.ts";

export {
  checkpoint_at,
  cka,
  evaluate,
  evaluate_tasks,
  given_model,
  given_tokenizer,
  midtrain,
  pretrain,
  sft,
  similarity,
  tokenize,
};

export const STAGES: readonly AnyStage[] = [
  given_model,
  given_tokenizer,
  tokenize,
  pretrain,
  checkpoint_at,
  midtrain,
  sft,
  evaluate,
  evaluate_tasks,
  similarity,
  cka,
];

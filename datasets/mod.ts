/**
 * All dataset cards, by name.
 *
 * @module
 */
import type { DatasetCard } from "../core/data/readers/mod.ts";
import { brown } from "./brown.ts";
import { code } from "./code.ts";
import { moby_dick } from "./moby_dick.ts";
import { pycode } from "./pycode.ts";
import { sotu } from "./sotu.ts";
import { spam_assassin } from "./spam_assassin.ts";

/** Cards that recipes can name. A new card is added here. */
export const DATASETS: readonly DatasetCard[] = [
  brown,
  code,
  moby_dick,
  pycode,
  sotu,
  spam_assassin,
];

/**
 * Finds a card.
 *
 * @throws {Error} listing the known names when there is no such card.
 */
export function getDataset(name: string): DatasetCard {
  const card = DATASETS.find((candidate) => candidate.name === name);
  if (card === undefined) {
    const known = DATASETS.map((candidate) => candidate.name).join(", ");
    throw new Error(`there is no dataset "${name}"; known are ${known}`);
  }
  return card;
}

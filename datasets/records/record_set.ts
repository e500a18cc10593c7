/**
 * Sets of records, which are read from the Hugging Face hub or from files of one's own.
 *
 * @module
 */
import { type DatasetCard, type Licence, recordCard } from "../../core/readers/mod.ts";
import type { RecordPaths, RecordReading } from "../../core/readers/mod.ts";
import { composeCard } from "../compose.ts";

/** A set of records: what a card says of it, how its records are read, and where the hub has it. */
export interface RecordSet extends RecordReading {
  readonly name: string;
  readonly title: string;
  readonly role: string;
  readonly licence: Licence;
  /** Its files on the hub. Absent where the hub does not have the set. */
  readonly hub?: RecordPaths;
  /** For a set that is put together from several of the hub: each with what is read in another way. */
  readonly parts?: readonly ({ readonly hub: RecordPaths } & Partial<RecordReading>)[];
  /** Access has to be asked for on the set's page, and `HF_TOKEN` to be set. */
  readonly gated?: boolean;
  /** What "Midtraining Bridges Pretraining and Posttraining Distributions" takes of it. */
  readonly in_paper?: string;
  /** Where the form of the documents comes from, and what was decided here. */
  readonly notes?: string;
  /** A page about it. */
  readonly homepage?: string;
}

/** What a recipe may say of a set in another way than its card does. */
export type Overrides = Pick<RecordReading, "mask_prompt" | "max_files">;

/** The card of a set read from files of one's own. */
export function cardFromFiles(
  set: RecordSet,
  path: RecordPaths,
  { mask_prompt = set.mask_prompt, max_files }: Overrides,
): DatasetCard {
  return recordCard({
    ...set,
    path,
    ...(mask_prompt === undefined ? {} : { mask_prompt }),
    ...(max_files === undefined ? {} : { max_files }),
  });
}

/**
 * The card of a set read from the hub.
 *
 * @throws {Error} when the hub does not have it.
 */
export function cardFromHub(set: RecordSet, overrides: Overrides): DatasetCard {
  if (set.hub !== undefined) return cardFromFiles(set, set.hub, overrides);
  if (set.parts === undefined) {
    throw new Error(
      `dataset "${set.name}" is not on the Hugging Face hub; set --data-root (CAUSEWAY_DATA_ROOT) to a folder ` +
        `that holds ${set.name}/train.jsonl, or the like`,
    );
  }
  const cards = set.parts.map((part) => cardFromFiles({ ...set, ...part }, part.hub, overrides));
  return composeCard(set, cards.map((card, i) => ({ name: `part ${i + 1}`, card })));
}

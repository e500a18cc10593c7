/**
 * Config of the tokenize stage.
 *
 * @module
 */
import { z } from "zod";
import { type DatasetCard, jsonlCard } from "../../core/data/readers/mod.ts";
import { getDataset } from "../../datasets/mod.ts";

/** A user's own JSON Lines file, plain or gzipped. */
const jsonl = z.strictObject({
  path: z.string(),
  /** A column name, or a template such as "Question: {question}". */
  text: z.string().default("text"),
  /** The same for a leading prompt on which no loss is taken. */
  prompt: z.string().optional(),
  /** Column whose value keeps rows together in one split. */
  group: z.string().optional(),
  split: z.enum(["train", "validation"]).optional(),
  licence: z.string().optional(),
});

const entry = z.strictObject({
  /** Name of a dataset card, or with `jsonl` a name of your own. */
  dataset: z.string().regex(/^[a-z][a-z0-9_]*$/, "is not snake_case"),
  /** Keeps a sample of documents, drawn evenly over the dataset, of at most this many UTF-8 bytes. */
  max_bytes: z.int().positive().optional(),
  jsonl: jsonl.optional(),
  /** Filled in from the card; given, it must be the card's present one. */
  revision: z.string().optional(),
});

export type DatasetEntry = z.output<typeof entry>;

/**
 * Adds the revision of the data to the config. The config is part of every artifact key, so data that
 * change (a new pin, an edited file) make a new artifact; and a config that was validated before the
 * data changed is refused, so that no artifact is stored under the key of other data.
 */
const pinned_entry = entry.transform((given, context): DatasetEntry & { revision: string } => {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  let revision: string;
  try {
    revision = cardOf(given).revision();
  } catch (error) {
    return refuse((error as Error).message);
  }
  if (given.revision !== undefined && given.revision !== revision) {
    return refuse(
      `dataset "${given.dataset}" is now at revision ${revision}, not ${given.revision}; ` +
        "run the recipe again, or leave revision out to take the data as they are",
    );
  }
  return { ...given, revision };
});

export const config = z.strictObject({
  /** Source names, as mixtures refer to them, and the datasets each is made of. */
  sources: z.record(z.string(), z.array(pinned_entry).min(1)).refine(
    (sources) => Object.keys(sources).length > 0,
    "names no source",
  ),
  /** Tokens in the vocabulary, at most 65,536. Not used where a tokenizer is connected. */
  vocab_size: z.int().min(257).max(65_536).default(4096),
  /** Pairs that occur less often are not merged. */
  min_frequency: z.int().nonnegative().default(2),
  /** UTF-8 bytes of training text that the tokenizer is learned from, shared out by size of dataset. */
  tokenizer_bytes: z.int().positive().default(8_000_000),
  /** Share of documents held out, where the dataset has no split of its own; 0 for none. */
  validation_share: z.number().min(0).lt(1).default(0.05),
  /** Longer documents are cut to this many UTF-8 bytes. */
  max_document_bytes: z.int().positive().default(1_000_000),
});

export type Config = z.output<typeof config>;

/**
 * The card an entry refers to.
 *
 * @throws {Error} listing the known cards when there is none of that name.
 */
export function cardOf({ dataset, jsonl }: DatasetEntry): DatasetCard {
  if (jsonl === undefined) return getDataset(dataset);
  const { licence, ...options } = jsonl;
  return jsonlCard({
    name: dataset,
    ...options,
    ...(licence === undefined ? {} : { licence: { spdx: licence } }),
  });
}

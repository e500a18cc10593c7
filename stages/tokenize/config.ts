/**
 * Config of the tokenize stage.
 *
 * @module
 */
import { z } from "zod";
import { type DatasetCard, FORMAT_NAMES, recordCard } from "../../core/readers/mod.ts";
import { resolveDataset } from "../../datasets/mod.ts";

/** Files, globs and folders, or `hf://org/name@revision/glob` for such on the Hugging Face hub. */
const path = z.union([z.string(), z.array(z.string()).min(1)]);

/** A user's own records, in any format that can be read. */
const records = z.strictObject({
  /**
   * A file, glob or folder, relative to the folder the command runs in; `hf://org/name@revision/glob` for files
   * on the Hugging Face hub; or such by split.
   */
  path: z.union([
    path,
    z.strictObject({
      /** Paths of the records that are trained on. */
      train: path.optional(),
      /** Paths of the records that are held out. */
      validation: path.optional(),
    }),
  ]),
  /** Format of the files, where their names do not tell it. */
  format: z.enum(FORMAT_NAMES).optional(),
  /** A column name, or a template such as "Question: {question}". */
  text: z.string().default("text"),
  /** The same for a leading prompt; no loss is taken on it unless `mask_prompt` is false. */
  prompt: z.string().optional(),
  /** Column whose value keeps rows together in one split. */
  group: z.string().optional(),
  /** Puts all records into one split. */
  split: z.enum(["train", "validation"]).optional(),
  /** Takes only records that have one of some values in a column. */
  where: z.strictObject({
    /** The column that decides. */
    column: z.string(),
    /** The values that are taken. */
    in: z.array(z.union([z.string(), z.number(), z.boolean()])).min(1),
  }).optional(),
  /** Takes this many of the training records, drawn by file and row. */
  examples: z.int().positive().optional(),
  /** What a record that cannot be read does: end the run, or be left out and counted. */
  on_error: z.enum(["fail", "skip"]).default("fail"),
  /** SPDX identifier, for the data summary. */
  licence: z.string().optional(),
});

const entry = z.strictObject({
  /** Name of a dataset card, or with `records` a name of your own. */
  dataset: z.string().regex(/^[a-z][a-z0-9_]*$/, "is not snake_case"),
  /** Keeps a sample of documents, drawn evenly over the dataset, of at most this many UTF-8 bytes. */
  max_bytes: z.int().positive().optional(),
  /** Whether no loss is taken on prompts in fine-tuning; as the dataset card has it when left out. */
  mask_prompt: z.boolean().optional(),
  /** Reads the first files, by name, that each path for training stands for, this many at most; not of npm packages. */
  max_files: z.int().positive().optional(),
  /** Datasets that are read in its place where a data root lacks it; not with `records`. */
  stand_ins: z.array(z.string()).min(1).optional(),
  records: records.optional(),
  /** Filled in from the card; given, it must be the card's present one. */
  revision: z.string().optional(),
});

export type DatasetEntry = z.output<typeof entry>;

type PinnedEntry = DatasetEntry & { revision: string };

/**
 * Adds the revision of the data to the config. The config is part of every artifact key, so data that
 * change (a new pin, an edited file) make a new artifact; and a config that was validated before the
 * data changed is refused, so that no artifact is stored under the key of other data.
 *
 * Only where the network has to be asked for the revision is the result a promise, and validation
 * asynchronous. The promise never rejects: whoever validates synchronously drops it.
 */
const pinned_entry = entry.transform((given, context): PinnedEntry | Promise<PinnedEntry> => {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  const pin = (revision: string) => {
    if (given.revision === undefined || given.revision === revision) return { ...given, revision };
    return refuse(
      `dataset "${given.dataset}" is now at revision ${revision}, not ${given.revision}; ` +
        "run the recipe again, or leave revision out to take the data as they are",
    );
  };
  const explain = (error: unknown) => refuse(error instanceof Error ? error.message : `${error}`);
  try {
    const revision = cardOf(given).revision();
    return typeof revision === "string" ? pin(revision) : revision.then(pin, explain);
  } catch (error) {
    return explain(error);
  }
});

export const config = z.strictObject({
  /** Source names, as mixtures refer to them, and the datasets each is made of. */
  sources: z.record(z.string(), z.array(pinned_entry).min(1)).refine(
    (sources) => Object.keys(sources).length > 0,
    "names no source",
  ),
  /** Tokens in the vocabulary; ids take two bytes up to 65,536, four above. Not used where a tokenizer is connected. */
  vocab_size: z.int().min(257).max(1_048_576).default(4096),
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
 * @throws {Error} listing the known cards when there is none of that name, and the ways out where a data root
 *   lacks it; for settings that would change nothing.
 */
export function cardOf(entry: DatasetEntry): DatasetCard {
  const { dataset, records, mask_prompt, max_files, stand_ins } = entry;
  if (records === undefined) return resolveDataset(dataset, { mask_prompt, max_files, stand_ins });
  if (stand_ins !== undefined) {
    throw new Error(
      `dataset "${dataset}" names both records and stand_ins, which are for datasets of a card; leave one out`,
    );
  }
  const { licence, ...options } = records;
  return recordCard({
    name: dataset,
    ...options,
    mask_prompt,
    ...(max_files === undefined ? {} : { max_files }),
    ...(licence === undefined ? {} : { licence: { spdx: licence } }),
  });
}

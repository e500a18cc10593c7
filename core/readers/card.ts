/**
 * What a dataset is, as the rest of the laboratory sees it: a card with provenance, and documents.
 *
 * @module
 */

/** One text, the unit that is split, counted, tokenized and never cut across two sets. */
export interface Document {
  /** Unique in its dataset and the same on every machine: a file name, a row, a function's place. */
  readonly id: string;
  readonly text: string;
  /** Length in UTF-16 units of the leading part on which no loss is taken. Absent: loss on all. */
  readonly prompt_length_chars?: number;
  /** Set where the dataset has a split of its own; otherwise the tokenize stage makes one. */
  readonly split?: Split;
  /** Documents of one group always fall into the same split. Absent: only exact duplicates do. */
  readonly group?: string;
}

export type Split = "train" | "validation";

export interface Licence {
  /** SPDX identifier or expression; `LicenseRef-…` where SPDX has none. */
  readonly spdx: string;
  readonly note?: string;
}

/** A dataset card: where a dataset comes from, what one may do with it, and how it is read. */
export interface DatasetCard {
  /** snake_case; the name recipes use. */
  readonly name: string;
  readonly title: string;
  /** What it stands for in an experiment: "general English, the role of C4". */
  readonly role: string;
  /** Where it comes from: pinned packages (`name@version`) or files, and a page about it. */
  readonly source: { readonly origins: readonly string[]; readonly homepage?: string };
  readonly licence: Licence;
  /** How documents are cut and cleaned, in a sentence or two. */
  readonly reading: string;
  /**
   * Changes whenever the documents may change: pinned versions plus the reader's own version, or a digest
   * of the files and of how they are read. It enters the key of every artifact made from the dataset, so
   * it tells nothing of the machine. A promise where the network has to be asked.
   *
   * @throws {Error} naming the file or set that is not there.
   */
  revision(): string | Promise<string>;
  /**
   * Streams the documents, in the same order every time.
   *
   * @throws {Error} one sentence naming the package or file and row that cannot be read.
   */
  documents(options?: DocumentOptions): AsyncIterable<Document>;
}

export interface DocumentOptions {
  /** Ends reading and downloads with its reason. */
  readonly signal?: AbortSignal;
  /** Takes what a person should know of the data: records left out, sets read in place of others. */
  readonly log?: (message: string) => void;
}

/**
 * Passes documents on, and fails where a dataset turns out to hold none: an empty set is always a
 * mistake in its source, and is cheaper to see here than as a division by zero in training.
 */
export async function* requireDocuments(
  name: string,
  documents: AsyncIterable<Document>,
): AsyncGenerator<Document> {
  let count = 0;
  for await (const document of documents) {
    count++;
    yield document;
  }
  if (count === 0) {
    throw new Error(`dataset "${name}" holds no documents; check its source and its filters`);
  }
}

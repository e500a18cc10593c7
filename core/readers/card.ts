/**
 * What a dataset is to the rest of the laboratory: a card that says where it comes from, and documents.
 *
 * @module
 */
import type { LossOn, Message } from "../tokenizer/mod.ts";
import { hashShare } from "./digests.ts";

/** One text: the unit that is tokenized, counted and assigned to a split as a whole. */
export interface Document {
  /** Unique in its dataset and the same on every machine: file name, row, position of a function. */
  readonly id: string;
  /** Of a conversation, its messages with an empty line between them. */
  readonly text: string;
  /** Length of the leading part without loss, in UTF-16 units. Absent: loss on the whole text. */
  readonly prompt_length_chars?: number;
  /** Of a conversation: its turns, which the tokenizer's chat template makes a text of. */
  readonly messages?: readonly Message[];
  /** Of a conversation: the turns that are learned. Absent: all of the assistant. */
  readonly loss_on?: LossOn;
  /** Set if the dataset comes with splits; otherwise the tokenize stage makes them. */
  readonly split?: Split;
  /** Documents of one group are always in the same split. Absent: only exact duplicates are. */
  readonly group?: string;
}

export type Split = "train" | "validation";

export interface Licence {
  /** SPDX identifier or expression; `LicenseRef-…` if SPDX has none. */
  readonly spdx: string;
  readonly note?: string;
}

/** A dataset card: where a dataset comes from, its licence, and how it is read. */
export interface DatasetCard {
  /** snake_case; the name recipes use. */
  readonly name: string;
  readonly title: string;
  /** Its use in an experiment: "general English, the role of C4". */
  readonly role: string;
  /** Where it comes from: pinned packages (`name@version`) or files, and a page about it. */
  readonly source: { readonly origins: readonly string[]; readonly homepage?: string };
  readonly licence: Licence;
  /** How documents are cut and cleaned, in one or two sentences. */
  readonly reading: string;
  /**
   * Changes whenever the documents may change: pinned versions and the reader's own version, or a digest of the files
   * and of how they are read. Part of the key of every artifact made from the dataset, so it must not depend on the
   * machine. A promise if it needs the network, or if a signal is given, which stops it.
   *
   * @throws {Error} naming the missing file or dataset.
   */
  revision(options?: Pick<DocumentOptions, "signal">): string | Promise<string>;
  /**
   * Streams the documents, in the same order every time.
   *
   * @throws {Error} naming the package, or the file and row, that cannot be read.
   */
  documents(options?: DocumentOptions): AsyncIterable<Document>;
}

export interface DocumentOptions {
  /** Stops reading and downloads; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Called with what a person should know about the data: skipped records, stand-ins for a dataset. */
  readonly log?: (message: string) => void;
}

/**
 * Passes documents on, and fails if there are none: an empty dataset is always an error in its source, easier to find
 * here than as a division by zero in training.
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
    throw new Error(`dataset "${name}" has no documents; check its source and its filters`);
  }
}

/**
 * A random sample of `count` training documents: those whose ids have the lowest hashes, so that the choice depends on
 * the ids alone. Validation documents are passed on at once, the sample in its original order at the end. At most
 * `2 * count` documents are in memory.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { sampleDocuments } from "./card.ts";
 * async function* numbers() {
 *   for (let i = 0; i < 1000; i++) yield { id: String(i), text: "…" };
 * }
 * const chosen = await Array.fromAsync(sampleDocuments(numbers(), 10));
 * assert.equal(chosen.length, 10);
 * ```
 */
export async function* sampleDocuments(
  documents: AsyncIterable<Document>,
  count: number,
): AsyncGenerator<Document> {
  let kept: { document: Document; draw: number; place: number }[] = [];
  const lowest = () => kept.sort((a, b) => a.draw - b.draw || a.place - b.place).slice(0, count);
  let place = 0;
  for await (const document of documents) {
    if (document.split === "validation") {
      yield document;
      continue;
    }
    kept.push({ document, draw: hashShare("examples", document.id), place: place++ });
    if (kept.length >= 2 * count) kept = lowest();
  }
  for (const { document } of lowest().sort((a, b) => a.place - b.place)) yield document;
}

/**
 * What was read of a dataset and what was not, in one line: nothing is left out without a word.
 *
 * @module
 */
import { counted, formatNumber } from "../words/mod.ts";
import type { Split } from "./card.ts";
import { type Change, changeLine, type Unusable } from "./conversation.ts";
import type { Beside, FileSelection } from "./record_files.ts";
import { shorten } from "./select_files.ts";

/** Why a record gives no document. */
export type LeftOut =
  | "with a blank text"
  | "with a blank answer"
  | "not selected by where"
  | Unusable
  | "unreadable";

/** Counts files, rows and documents while a dataset is read. */
export class ReadingReport {
  #rows = 0;
  #with_nul = 0;
  readonly #documents = new Map<Split | undefined, number>();
  readonly #left_out = new Map<LeftOut, number>();
  readonly #passed_over = new Map<string, string>();

  /** Rows of which elements of a list were not used, by the list's path. */
  readonly #unused = new Map<string, number>();
  readonly #changes = new Map<Change, number>();
  readonly #empty: string[] = [];
  readonly #notes: readonly string[];

  /**
   * @param files number of files that are read.
   * @param beside what was left out before the files were selected.
   */
  constructor(
    readonly dataset: string,
    readonly files: number,
    selection: FileSelection,
    beside?: Beside,
  ) {
    selection.passed_over.forEach((why, file) => this.passOver(file, why));
    beside?.passed_over.forEach((why, file) => this.passOver(file, why));
    this.#notes = [...selection.notes, ...beside?.notes ?? []];
  }

  /** Counts a document, or a record that gives none and why. */
  add(result: { readonly split: Split | undefined } | LeftOut): void {
    this.#rows++;
    if (typeof result === "string") increment(this.#left_out, result);
    else increment(this.#documents, result.split);
  }

  /** Counts a document whose record has elements of a list that no template takes. */
  addUnused(list: string): void {
    increment(this.#unused, list);
  }

  /** Counts a conversation that was changed. */
  addChange(change: Change): void {
    increment(this.#changes, change);
  }

  /** Counts a document with NUL characters: often binary data, or text in another encoding. */
  addNul(): void {
    this.#with_nul++;
  }

  /** Counts a file in which there was no row. */
  emptyFile(file: string): void {
    this.#empty.push(file);
  }

  /** The rows so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Counts a file or an archive's entry that is not read. */
  passOver(file: string, why: string): void {
    this.#passed_over.set(file, why);
  }

  /** The line, without the dataset's name where there is nothing unusual to say. */
  line(): string {
    const documents = (["train", "validation", undefined] as const).flatMap((split) => {
      const found = this.#documents.get(split) ?? 0;
      return found > 0
        ? [split ? `${formatNumber(found)} ${split}` : counted(found, "document")]
        : [];
    });
    const files = counted(this.files, "file"), rows = counted(this.#rows, "row");
    const parts = [`read ${files} with ${rows}: ${documents.join(", ") || "none used"}`];
    if (this.#left_out.size > 0) {
      const reasons = [...this.#left_out].map(([why, count]) => `${formatNumber(count)} ${why}`);
      parts.push(`left out ${reasons.join(", ")}`);
    }
    for (const [list, rows] of this.#unused) {
      parts.push(
        `${counted(rows, "row")} with more elements in "${list}" than the templates use`,
      );
    }
    for (const [change, count] of this.#changes) parts.push(changeLine(change, count));
    if (this.#with_nul > 0) {
      parts.push(`${counted(this.#with_nul, "document")} with NUL characters, which are kept`);
    }
    if (this.#empty.length > 0) {
      parts.push(
        `${counted(this.#empty.length, "file")} without rows (${shorten(this.#empty, 3)})`,
      );
    }
    if (this.#passed_over.size > 0) parts.push(this.#passedOver());
    return `dataset "${this.dataset}": ${[...parts, ...this.#notes].join("; ")}`;
  }

  #passedOver(): string {
    const by_reason = new Map<string, string[]>();
    for (const [file, why] of [...this.#passed_over].sort()) {
      by_reason.set(why, [...by_reason.get(why) ?? [], file]);
    }
    const reasons = [...by_reason].map(([why, files]) => {
      const count = by_reason.size > 1 ? `${formatNumber(files.length)} ` : "";
      return `${count}${why} (${shorten(files, 3)})`;
    });
    return `passed over ${counted(this.#passed_over.size, "file")}: ${reasons.join(", ")}`;
  }
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

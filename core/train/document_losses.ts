/**
 * Losses of the single documents of an eval set.
 *
 * @module
 */
import type { MicroBatch, Sequence } from "../batches/mod.ts";

/** One document: its loss summed over its labels, in nats, and their number. */
export interface DocumentLoss {
  /** Index in its source. */
  readonly document: number;
  readonly loss_sum: number;
  readonly tokens: number;
}

/** Sums over the labels of each document; 16 bytes for each document of the eval set. */
export class DocumentSums {
  /** Place of each document in the sums. */
  readonly #places = new Map<number, number>();
  /** [2 · documents]: losses, then numbers of labels. */
  readonly #sums: Float64Array;

  /** @param sequences all of the eval set, with `documents`, though only a part may be added in this process. */
  constructor(sequences: readonly Sequence[]) {
    for (const { document } of sequences.flatMap(({ documents = [] }) => documents)) {
      if (!this.#places.has(document)) this.#places.set(document, this.#places.size);
    }
    this.#sums = new Float64Array(2 * this.#places.size);
  }

  /**
   * Adds the labels of a micro-batch.
   *
   * @param members its rows, in order.
   * @param token_losses float32 [rows · length]
   */
  add(
    members: readonly Sequence[],
    { length, loss_weights }: Pick<MicroBatch, "length" | "loss_weights">,
    token_losses: Float32Array,
  ): void {
    members.forEach(({ tokens, documents = [] }, row) => {
      documents.forEach(({ document, offset }, i) => {
        const place = this.#places.get(document)!, end = documents[i + 1]?.offset ?? tokens.length;
        // The label of position t is token t + 1.
        for (let t = Math.max(0, offset - 1); t < end - 1; t++) {
          if (loss_weights[row * length + t] === 0) continue;
          this.#sums[place] += token_losses[row * length + t];
          this.#sums[this.#places.size + place]++;
        }
      });
    });
  }

  /** Adds up what several processes have measured, each a part of the set. */
  share(allReduceSum: (sums: Float64Array) => void): void {
    allReduceSum(this.#sums);
  }

  /**
   * The mean over documents of their mean losses, in nats: a short document counts as much as a long one. NaN if no document
   * has a label.
   */
  mean(): number {
    const rows = this.rows();
    return rows.reduce((sum, { loss_sum, tokens }) => sum + loss_sum / tokens, 0) / rows.length;
  }

  /** Documents with labels, by index. */
  rows(): DocumentLoss[] {
    return [...this.#places].map(([document, place]) => {
      return {
        document,
        loss_sum: this.#sums[place],
        tokens: this.#sums[this.#places.size + place],
      };
    }).filter(({ tokens }) => tokens > 0).sort((a, b) => a.document - b.document);
  }
}

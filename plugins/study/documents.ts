/**
 * Losses of single held-out documents, and what they say about how much a difference depends on which documents they are.
 *
 * @module
 */
import { ratioError, type StandardError } from "@causeway/core/analysis";
import type { ports, TableInput } from "@causeway/core/stage";

type Table = TableInput<typeof ports.document_losses.columns>;

/** Documents of one source after fine-tuning, by index: summed losses in nats, and tokens. */
interface Losses {
  readonly documents: number[];
  readonly loss_sums: number[];
  readonly tokens: number[];
}

/** A run of an arm and that of its reference, with its weight in the mean difference. */
export interface WeightedPair {
  readonly own: string;
  readonly other: string;
  readonly weight: number;
}

/** The losses of documents after each run: 24 bytes for each run, source and document. */
export class DocumentLosses {
  readonly #runs = new Map<string, ReadonlyMap<string, Losses>>();

  /**
   * Reads the last evaluation of each run.
   *
   * @param tables by label of the run.
   * @throws {Error} when there are tables, but none of some run.
   */
  static async read(
    tables: Readonly<Record<string, Table>>,
    labels: readonly string[],
  ): Promise<DocumentLosses> {
    const all = new DocumentLosses();
    if (Object.keys(tables).length === 0) return all;
    for (const label of labels) {
      const table = tables[label];
      if (!table) {
        throw new Error(`run "${label}" has no document losses: wire them under its label`);
      }
      all.#runs.set(label, await readLast(table));
    }
    return all;
  }

  /** Whether no losses of documents were given. */
  get is_empty(): boolean {
    return this.#runs.size === 0;
  }

  /**
   * Standard error of a mean difference Σ_i weight_i (own_i - other_i) on a source, over its documents.
   *
   * @returns null if there are no losses, or of fewer than two documents.
   * @throws {Error} when two runs were measured on different documents.
   */
  errorOf(pairs: readonly WeightedPair[], source: string): StandardError | null {
    if (this.is_empty) return null;
    const first = this.#of(pairs[0].own, source);
    const sums = new Float64Array(first.documents.length);
    for (const { own, other, weight } of pairs) {
      for (const [label, sign] of [[own, weight], [other, -weight]] as const) {
        const { documents, loss_sums, tokens } = this.#of(label, source);
        const same = documents.length === sums.length && documents.every((document, i) => {
          return document === first.documents[i] && tokens[i] === first.tokens[i];
        });
        if (!same) {
          throw new Error(
            `runs "${
              pairs[0].own
            }" and "${label}" were measured on different documents of "${source}"; ` +
              "give them the same validation data and settings",
          );
        }
        loss_sums.forEach((loss, i) => sums[i] += sign * loss);
      }
    }
    return ratioError(sums, first.tokens);
  }

  #of(label: string, source: string): Losses {
    const losses = this.#runs.get(label)!.get(source);
    if (losses) return losses;
    throw new Error(`run "${label}" has no document losses of "${source}"`);
  }
}

/** The rows of the last step of each source. */
async function readLast(table: Table): Promise<Map<string, Losses>> {
  const steps = new Map<string, number>();
  const found = new Map<string, Losses>();
  for await (const { step, source, document, loss_sum, tokens } of table.batches()) {
    source.forEach((name, i) => {
      if (step[i] > (steps.get(name) ?? -1)) {
        steps.set(name, step[i]);
        found.set(name, { documents: [], loss_sums: [], tokens: [] });
      } else if (step[i] < steps.get(name)!) return;
      const losses = found.get(name)!;
      losses.documents.push(document[i]);
      losses.loss_sums.push(loss_sum[i]);
      losses.tokens.push(tokens[i]);
    });
  }
  return found;
}

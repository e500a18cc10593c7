/**
 * Losses of single held-out documents, and what they say about how much a difference depends on which documents they are.
 *
 * @module
 */
import { ratioError, type StandardError } from "@causeway/core/analysis";
import type { ports, TableInput } from "@causeway/core/stage";
import type { RunRow } from "./runs.ts";

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

/** What a loss is the mean of: Σ_d sum_d / Σ_d count_d over documents d. */
interface Average {
  sums(losses: Losses): readonly number[];
  counts(losses: Losses): readonly number[];
}

/** Means over tokens, and over documents of their means. */
const AVERAGES: readonly Average[] = [
  { sums: ({ loss_sums }) => loss_sums, counts: ({ tokens }) => tokens },
  {
    sums: ({ loss_sums, tokens }) => loss_sums.map((loss, i) => loss / tokens[i]),
    counts: ({ tokens }) => tokens.map(() => 1),
  },
];

/** Largest relative difference of a loss that a GPU or several processes add up in another order. */
const ROUNDING = 1e-4;

/** The losses of documents after each run: 24 bytes for each run, source and document. */
export class DocumentLosses {
  readonly #runs = new Map<string, ReadonlyMap<string, Losses>>();
  /** By source. */
  readonly #averages = new Map<string, Average>();

  /**
   * Reads the last evaluation of each run.
   *
   * @param tables by label of the run.
   * @throws {Error} when there are tables, but none of some run, or they do not give the losses of the runs.
   */
  static async read(
    tables: Readonly<Record<string, Table>>,
    runs: readonly RunRow[],
  ): Promise<DocumentLosses> {
    const all = new DocumentLosses();
    if (Object.keys(tables).length === 0) return all;
    for (const label of new Set(runs.map(({ label }) => label))) {
      const table = tables[label];
      if (!table) {
        throw new Error(`run "${label}" has no document losses: wire them under its label`);
      }
      all.#runs.set(label, await readLast(table));
    }
    for (const [source, rows] of Map.groupBy(runs, ({ source }) => source)) {
      all.#averages.set(source, all.#averageOf(rows));
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
    const { sums, counts } = this.#averages.get(source)!;
    const first = this.#of(pairs[0].own, source);
    const difference = new Float64Array(first.documents.length);
    for (const { own, other, weight } of pairs) {
      for (const [label, sign] of [[own, weight], [other, -weight]] as const) {
        const losses = this.#of(label, source);
        if (!sameDocuments(losses, first)) {
          throw new Error(
            `runs "${
              pairs[0].own
            }" and "${label}" were measured on different documents of "${source}"; ` +
              "give them the same validation data and settings",
          );
        }
        sums(losses).forEach((loss, i) => difference[i] += sign * loss);
      }
    }
    return ratioError(difference, counts(first));
  }

  /** The average that gives the losses that all runs report on a source. */
  #averageOf(runs: readonly RunRow[]): Average {
    const gives = (average: Average, { label, source, loss_after }: RunRow) => {
      const losses = this.#of(label, source);
      const loss = total(average.sums(losses)) / total(average.counts(losses));
      return Math.abs(loss - loss_after) <= ROUNDING * loss_after;
    };
    const found = AVERAGES.find((average) => runs.every((run) => gives(average, run)));
    if (found) return found;
    const { label, source, loss_after } =
      runs.find((run) => !AVERAGES.some((average) => gives(average, run))) ?? runs[0];
    throw new Error(
      `the document losses of run "${label}" on "${source}" do not give its loss, ${loss_after}; ` +
        "wire those of the same fine-tuning step",
    );
  }

  #of(label: string, source: string): Losses {
    const losses = this.#runs.get(label)!.get(source);
    if (losses) return losses;
    throw new Error(`run "${label}" has no document losses of "${source}"`);
  }
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function sameDocuments(a: Losses, b: Losses): boolean {
  return a.documents.length === b.documents.length && a.documents.every((document, i) => {
    return document === b.documents[i] && a.tokens[i] === b.tokens[i];
  });
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

/**
 * Replay: text of an earlier phase between the examples of fine-tuning.
 *
 * @module
 */
import { z } from "zod";
import { permute } from "../random/mod.ts";
import type { Sampler, Sequence } from "./batch.ts";
import type { ExampleSampler } from "./example_sampler.ts";
import type { LedgerRow } from "./mixture.ts";
import type { PackedSet } from "./packing.ts";

/** Config of a replay. */
export const replay_schema = z.strictObject({
  /** Source whose text is replayed, such as pretraining's. */
  source: z.string(),
  /** Its share of the supervised tokens of every step. */
  share: z.number().gt(0).lt(1),
});

export interface ReplayOptions {
  readonly examples: ExampleSampler;
  /** The text, packed without a mask. */
  readonly set: PackedSet;
  readonly share: number;
  readonly seed: number;
}

/**
 * The examples of each step and, after them, text whose labels are a share s of all labels. With S_k the labels of the
 * examples of the first k steps, the text has
 *
 *     R_k = round(s / (1 - s) · S_k)
 *
 * in these steps, so the share is exact to half a label after every step. Text is read in a random order of its
 * sequences, from where the step before stopped, and cut at the ends of sequences and steps; every label is drawn once
 * in each pass. Any step is computed directly.
 */
export class ReplaySampler implements Sampler {
  readonly #options: ReplayOptions;
  /** [steps + 1]; R_k. */
  readonly #drawn: Float64Array;

  /** @throws {Error} when the source has no text. */
  constructor(options: ReplayOptions) {
    this.#options = options;
    const { examples, set: { name, tokens }, share } = options;
    if (tokens === 0) {
      throw new Error(`replay: source "${name}" has no sequence of two tokens; add documents`);
    }
    this.#drawn = new Float64Array(examples.steps + 1);
    let labels = 0;
    for (let step = 0; step < examples.steps; step++) {
      labels += examples.batchLabels(step);
      this.#drawn[step + 1] = Math.round(share / (1 - share) * labels);
    }
  }

  /** Replayed labels of all steps. */
  get labels(): number {
    return this.#drawn.at(-1)!;
  }

  /** @param step counted from 0. */
  batch(step: number): Sequence[] {
    return [...this.#options.examples.batch(step), ...this.#text(step)];
  }

  #text(step: number): Sequence[] {
    const pieces: Sequence[] = [];
    const end = this.#drawn[step + 1];
    for (let at = this.#drawn[step]; at < end;) {
      const { index, offset, length } = this.#find(at);
      const labels = Math.min(length - offset, end - at);
      const { tokens, source } = this.#options.set.sequence(index);
      const piece = tokens.subarray(offset, offset + labels + 1);
      pieces.push({ tokens: piece, loss_spans: [0, piece.length], source, replay: true });
      at += labels;
    }
    return pieces;
  }

  /** The sequence that has label `at` of the reading order, and the place of the label in it. */
  #find(at: number): { index: number; offset: number; length: number } {
    const { set, seed } = this.#options;
    // Concatenated sequences have one length.
    const length = set.uniform_tokens!, place = Math.floor(at / length);
    const epoch = Math.floor(place / set.sequence_count);
    const index = permute(
      place % set.sequence_count,
      set.sequence_count,
      seed,
      `replay/${set.name}`,
      epoch,
    );
    return { index, offset: at % length, length };
  }
}

/**
 * What fine-tuning draws, a row for each source, in supervised tokens; a replayed source comes last. The share that is
 * requested of a source of examples is what its share of the examples would be in tokens, with its mean example.
 *
 * @param weights of the sources as configured; left out, every example is drawn equally often.
 */
export function tuningLedger(
  examples: ExampleSampler,
  weights?: Readonly<Record<string, number>>,
  replay?: { readonly sampler: ReplaySampler; readonly set: PackedSet; readonly share: number },
): LedgerRow[] {
  const drawn = examples.drawn().filter(({ available }) => available > 0);
  const wanted = drawn.map(({ source, available, available_labels }) => {
    return (weights?.[source] ?? available) * available_labels / available;
  });
  const all_wanted = wanted.reduce((sum, n) => sum + n, 0);
  const replayed = replay?.sampler.labels ?? 0, share = replay?.share ?? 0;
  const total = drawn.reduce((sum, { labels }) => sum + labels, 0) + replayed;
  const place = { from: 0, to: total };
  const rows = drawn.map((row, i): LedgerRow => ({
    ...place,
    source: row.source,
    requested_share: (1 - share) * wanted[i] / all_wanted,
    achieved_share: row.labels / total,
    tokens: row.labels,
    available_tokens: row.available_labels,
    phase_epochs: row.examples / row.available,
    epochs: row.examples / row.available,
  }));
  if (!replay) return rows;
  const epochs = replayed / replay.set.tokens;
  return [...rows, {
    ...place,
    source: replay.set.name,
    requested_share: share,
    achieved_share: replayed / total,
    tokens: replayed,
    available_tokens: replay.set.tokens,
    phase_epochs: epochs,
    epochs,
  }];
}

/**
 * From sequences to the micro-batches that a model computes.
 *
 * @module
 */
import { requireInteger } from "../config/mod.ts";
import { labelWeights } from "./loss_weights.ts";
import type { TokenIds } from "./token_set.ts";

/** One row of a batch before padding: inputs are all tokens but the last, labels all but the first. */
export interface Sequence {
  /** At most `sequence_length + 1` tokens. */
  readonly tokens: TokenIds;
  /** Pairs [start, end) of positions, ascending, whose tokens are labels; token 0 never is, whatever this says. */
  readonly loss_spans: ArrayLike<number>;
  /**
   * Offsets in `tokens`, ascending, of documents that must not see the tokens before them. Absent: the row is one
   * context.
   */
  readonly starts?: readonly number[];
  /** Name of the token set; of several, joined by " + ". */
  readonly source: string;
  /** Whether it is replayed text, whose labels are averaged apart from those of examples. */
  readonly replay?: boolean;
  /** The documents that the tokens are of, in order. Present in eval sets. */
  readonly documents?: readonly DocumentStart[];
}

/** Where the tokens of a document begin in a sequence. */
export interface DocumentStart {
  /** Index in the token set. */
  readonly document: number;
  /** Offset in the sequence's tokens. */
  readonly offset: number;
}

/**
 * Which tokens of a sequence are labels that count in the loss. The first token of a document that must not see the
 * tokens before it is not a label: it would be predicted from the end of another document, and the same document in its
 * own row has no such label either.
 *
 * @returns [tokens]; 1 for a label, 0 for any other token.
 */
export function labelMask({ tokens, loss_spans, starts = [] }: Sequence): Uint8Array {
  const mask = new Uint8Array(tokens.length);
  for (let i = 0; i < loss_spans.length; i += 2) mask.fill(1, loss_spans[i], loss_spans[i + 1]);
  mask[0] = 0;
  for (const start of starts) mask[start] = 0;
  return mask;
}

/** Number of labels of a sequence that count in the loss. */
export function supervisedTokens(sequence: Sequence): number {
  return labelMask(sequence).reduce((sum, label) => sum + label, 0);
}

export interface CollateOptions {
  /** Rows of every micro-batch. */
  readonly micro_batch_size: number;
  /** Lengths that inputs may be padded to, ascending: one compiled shape each. */
  readonly lengths: readonly number[];
  /** Token id that fills padded inputs and labels, 0 by default; any valid id, since padding never counts. */
  readonly pad_id?: number;
}

/** One pass through the model: `rows` sequences padded to `length` tokens, row-major. */
export interface MicroBatch {
  readonly rows: number;
  readonly length: number;
  /** [rows, length] */
  readonly input_ids: Int32Array;
  /** [rows, length]; the token that follows each input. */
  readonly labels: Int32Array;
  /** [rows, length]; weight of each label in the loss: 0 on prompts, first tokens of masked documents and padding. */
  readonly loss_weights: Float32Array;
  /**
   * [rows, length]; the first position that each position may attend to (the last is itself). Absent where no sequence
   * of the micro-batch has `starts`: all positions from 0 on.
   */
  readonly document_start?: Int32Array;
  /** Labels of weight above 0. */
  readonly supervised: number;
}

/** The sequences of each step, such as a sampler's; those of any step are computed directly. */
export interface Sampler {
  /** @param step counted from 0 within the phase. */
  batch(step: number): Sequence[];
}

/** A row with the weight of the labels of each of its documents. */
export interface WeightedRow {
  readonly sequence: Sequence;
  /** One, and one more for each of `sequence.starts`. */
  readonly weights: readonly number[];
}

/**
 * The part of a list that a rank works on: of n items rank r of N takes ⌊n r / N⌋ to ⌊n (r + 1) / N⌋. Ranks in order
 * have the items in order, so what is trained on does not depend on the number of ranks.
 */
export function partOf<T>(
  items: readonly T[],
  { rank, size }: { readonly rank: number; readonly size: number },
): T[] {
  const at = (r: number) => Math.floor(items.length * r / size);
  return items.slice(at(rank), at(rank + 1));
}

/**
 * The size of micro-batches, lowered only where a batch of n sequences would have fewer of them than there are ranks:
 * then to ⌈n / ranks⌉, or to ⌊n / ranks⌋ where that makes too few. 1 if there are fewer sequences than ranks.
 */
export function sharedSize(micro_batch_size: number, sequences: number, ranks: number): number {
  const sizes = [micro_batch_size, Math.ceil(sequences / ranks), Math.floor(sequences / ranks)];
  return sizes.find((size) => size > 0 && Math.ceil(sequences / size) >= ranks) ?? 1;
}

/**
 * Splits a global batch into micro-batches of fixed shapes.
 *
 * Labels are weighted so that the micro-batch losses simply add up, and their gradients with them:
 *
 *     loss = Σ_b Σ_i w_bi l_bi
 *
 * By default w = m / n, with m = 1 on supervised labels and n = Σ m over the WHOLE global batch: the mean over its labels.
 *
 * Sequences are sorted by length, longest first, so that short ones share short micro-batches and the rows that
 * fill up the last micro-batch are cheap. Padding is on the right, where causal attention never lets it reach a real
 * token, so an attention mask is needed only for documents that share a row and must not see each other (`starts`).
 *
 * @param weights of the labels of each document of each sequence; see `labelWeights`.
 * @returns micro-batches in a fixed order; inputs of a sequence are its tokens but the last.
 * @throws {Error} when nothing in the batch is supervised, or a sequence is longer than the longest length.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { collate } from "./mod.ts";
 *
 * const sequence = { tokens: Uint16Array.of(5, 6, 7), loss_spans: [2, 3], source: "code" };
 * const [batch] = collate([sequence], { micro_batch_size: 1, lengths: [4] });
 * assert.deepEqual([...batch.input_ids], [5, 6, 0, 0]);
 * assert.deepEqual([...batch.labels], [6, 7, 0, 0]);
 * assert.deepEqual([...batch.loss_weights], [0, 1, 0, 0]); // only token 2 is a label
 * ```
 */
export function collate(
  sequences: readonly Sequence[],
  options: CollateOptions,
  weights: readonly (readonly number[])[] = evenWeights(sequences),
): MicroBatch[] {
  const { micro_batch_size, lengths, pad_id = 0 } = options;
  requireInteger("micro_batch_size", micro_batch_size, 1);
  if (lengths.some((length, i) => !(Number.isInteger(length) && length > (lengths[i - 1] ?? 0)))) {
    throw new Error(`lengths [${lengths.join(", ")}] must be positive integers, ascending`);
  }
  const sorted = sequences.map((sequence, i) => ({ sequence, weights: weights[i] }))
    .sort((a, b) => b.sequence.tokens.length - a.sequence.tokens.length);
  const micro_batches: MicroBatch[] = [];
  for (let start = 0; start < sorted.length; start += micro_batch_size) {
    const members = sorted.slice(start, start + micro_batch_size);
    const length = paddedLength(members[0].sequence.tokens.length - 1, lengths);
    micro_batches.push(pad(members, micro_batch_size, length, pad_id));
  }
  return micro_batches;
}

/** The mean over all labels. */
function evenWeights(sequences: readonly Sequence[]): number[][] {
  const weights = labelWeights(sequences.map(supervisedTokens));
  return sequences.map((sequence, i) => rowWeights(sequence, weights[i]));
}

/** One weight for all documents of a sequence. */
export function rowWeights({ starts = [] }: Sequence, weight: number): number[] {
  return new Array(1 + starts.length).fill(weight);
}

function paddedLength(inputs: number, lengths: readonly number[]): number {
  const length = lengths.find((length) => length >= inputs);
  if (length === undefined) {
    throw new Error(
      `a sequence of ${inputs} input tokens is longer than the longest padded length, ` +
        `${lengths.at(-1)}; truncate it or add a length`,
    );
  }
  return length;
}

function pad(
  members: readonly WeightedRow[],
  rows: number,
  length: number,
  pad_id: number,
): MicroBatch {
  const input_ids = new Int32Array(rows * length).fill(pad_id);
  const labels = new Int32Array(rows * length).fill(pad_id);
  const loss_weights = new Float32Array(rows * length);
  const masked = members.some(({ sequence: { starts } }) => starts !== undefined);
  const document_start = masked ? new Int32Array(rows * length) : undefined;
  members.forEach(({ sequence, weights }, row) => {
    const { tokens, starts = [] } = sequence;
    const at = row * length;
    input_ids.set(tokens.subarray(0, Math.max(0, tokens.length - 1)), at);
    labels.set(tokens.subarray(1), at);
    // The label at position t is token t + 1.
    let document = 0;
    labelMask(sequence).forEach((label, t) => {
      if (t === starts[document]) document++;
      if (label === 1) loss_weights[at + t - 1] = weights[document];
    });
    for (const start of starts) {
      // Up to the next start. Padding after the last one sees that document, and does not count.
      document_start!.fill(start, at + start, at + length);
    }
  });
  const supervised = members.reduce((sum, { sequence }) => sum + supervisedTokens(sequence), 0);
  return {
    rows,
    length,
    input_ids,
    labels,
    loss_weights,
    supervised,
    ...(document_start && { document_start }),
  };
}

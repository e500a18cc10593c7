import { type Sequence, supervisedTokens } from "./sequence.ts";

export interface CollateOptions {
  /** Rows of every micro-batch. */
  readonly micro_batch_size: number;
  /** Lengths that inputs may be padded to, ascending: one compiled shape each. */
  readonly lengths: readonly number[];
  /** Token id that fills padded inputs and labels; any valid id, since padding never counts. */
  readonly pad_id: number;
}

/** One pass through the model: `rows` sequences padded to `length` tokens, row-major. */
export interface MicroBatch {
  readonly rows: number;
  readonly length: number;
  /** [rows, length] */
  readonly input_ids: Int32Array;
  /** [rows, length]; the token that follows each input. */
  readonly labels: Int32Array;
  /** [rows, length]; weight of each label's loss, 0 on prompts, first tokens of hidden documents and padding. */
  readonly weights: Float32Array;
  /**
   * [rows, length]; the first position that each position may attend to, the last is itself. Absent where no sequence
   * of the micro-batch has `starts`: all positions from 0 on.
   */
  readonly document_start?: Int32Array;
  /** Labels of weight above 0. */
  readonly supervised: number;
}

/**
 * Splits a global batch into micro-batches of fixed shapes.
 *
 * Labels are weighted so that the micro-batch losses simply add up, and their gradients with them:
 *
 *     loss = 1/n Σ_b Σ_i m_bi l_bi = Σ_b Σ_i w_bi l_bi,  w_bi = m_bi / n
 *
 * with m = 1 on supervised labels and n = Σ m over the WHOLE global batch. Averages of micro-batch averages
 * would weigh tokens by how many others share their micro-batch.
 *
 * Sequences are sorted by length, longest first, so that short ones share short micro-batches and the rows that
 * fill up the last micro-batch are cheap ones. Padding is on the right, where causal attention never lets it
 * reach a real token, so no attention mask is needed but for documents that share a row and are hidden from each
 * other (`starts`).
 *
 * @returns micro-batches in a fixed order; inputs of a sequence are its tokens but the last.
 * @throws {Error} when nothing in the batch is supervised, or a sequence is longer than the longest length.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { collate } from "./mod.ts";
 *
 * const sequence = { tokens: Uint16Array.of(5, 6, 7), prompt_length: 2, source: "code" };
 * const [batch] = collate([sequence], { micro_batch_size: 1, lengths: [4], pad_id: 0 });
 * assert.deepEqual([...batch.input_ids], [5, 6, 0, 0]);
 * assert.deepEqual([...batch.labels], [6, 7, 0, 0]);
 * assert.deepEqual([...batch.weights], [0, 1, 0, 0]); // only token 2 is past the prompt
 * ```
 */
export function collate(sequences: readonly Sequence[], options: CollateOptions): MicroBatch[] {
  const { micro_batch_size, lengths, pad_id } = options;
  if (!Number.isSafeInteger(micro_batch_size) || micro_batch_size < 1) {
    throw new Error(`micro_batch_size is ${micro_batch_size}; it must be a whole number above 0`);
  }
  if (lengths.some((length, i) => !(Number.isInteger(length) && length > (lengths[i - 1] ?? 0)))) {
    throw new Error(`lengths [${lengths.join(", ")}] must be whole numbers above 0, ascending`);
  }
  const supervised = sequences.reduce((sum, sequence) => sum + supervisedTokens(sequence), 0);
  if (supervised === 0) {
    throw new Error(
      `none of the ${sequences.length} sequences of this batch has a token to learn: all are prompt, or ` +
        `shorter than two tokens. Check the prompts, or raise sequence_length`,
    );
  }
  const sorted = [...sequences].sort((a, b) => b.tokens.length - a.tokens.length);
  const micro_batches: MicroBatch[] = [];
  for (let start = 0; start < sorted.length; start += micro_batch_size) {
    const members = sorted.slice(start, start + micro_batch_size);
    const length = paddedLength(members[0].tokens.length - 1, lengths);
    micro_batches.push(pad(members, micro_batch_size, length, pad_id, 1 / supervised));
  }
  return micro_batches;
}

function paddedLength(inputs: number, lengths: readonly number[]): number {
  const length = lengths.find((length) => length >= inputs);
  if (length === undefined) {
    throw new Error(
      `a sequence of ${inputs} input tokens does not fit the longest padded length, ${
        lengths.at(-1)
      }: ` +
        `truncate it or add a length`,
    );
  }
  return length;
}

function pad(
  members: Sequence[],
  rows: number,
  length: number,
  pad_id: number,
  weight: number,
): MicroBatch {
  const input_ids = new Int32Array(rows * length).fill(pad_id);
  const labels = new Int32Array(rows * length).fill(pad_id);
  const weights = new Float32Array(rows * length);
  const masked = members.some(({ starts }) => starts !== undefined);
  const document_start = masked ? new Int32Array(rows * length) : undefined;
  members.forEach(({ tokens, prompt_length, starts = [] }, row) => {
    const at = row * length;
    input_ids.set(tokens.subarray(0, Math.max(0, tokens.length - 1)), at);
    labels.set(tokens.subarray(1), at);
    // The label at position t is token t + 1, so the first supervised one stands at max(1, prompt_length) - 1.
    const first = Math.max(1, prompt_length) - 1;
    if (first < tokens.length - 1) weights.fill(weight, at + first, at + tokens.length - 1);
    for (const start of starts) {
      if (start > 0) weights[at + start - 1] = 0;
      // Up to the next start; padding after the last one sees that document, and does not count.
      document_start!.fill(start, at + start, at + length);
    }
  });
  const supervised = members.reduce((sum, sequence) => sum + supervisedTokens(sequence), 0);
  return {
    rows,
    length,
    input_ids,
    labels,
    weights,
    supervised,
    ...(document_start && { document_start }),
  };
}

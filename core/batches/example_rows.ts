/**
 * Several examples in one row, hidden from each other, so that little of a batch is padding.
 *
 * @module
 */
import type { DocumentStart, Sequence, WeightedRow } from "./batch.ts";
import { bestFit } from "./best_fit.ts";
import { joinIds } from "./token_set.ts";

/**
 * Packs whole examples by best fit. Of the lengths that hold the longest example, rows get the shortest that needs at most
 * a tenth more positions than the best: attention costs more in long rows.
 *
 * @param weights of the labels of each example.
 * @param lengths that rows may be padded to, ascending.
 * @returns rows of at most one of `lengths` + 1 tokens; the labels of all rows are those of all examples.
 */
export function packExamples(
  examples: readonly Sequence[],
  weights: readonly number[],
  lengths: readonly number[],
): WeightedRow[] {
  const offsets = new Float64Array(examples.length + 1);
  examples.forEach(({ tokens }, i) => offsets[i + 1] = offsets[i] + tokens.length);
  const longest = examples.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
  const options = lengths.filter((length) => length + 1 >= longest).map((length) => {
    const bins = bestFit(offsets, length + 1);
    return { bins, positions: (bins.first.length - 1) * length };
  });
  if (options.length === 0) {
    // `collate` says which length is missing.
    return examples.map((sequence, i) => ({ sequence, weights: [weights[i]] }));
  }
  const least = Math.min(...options.map(({ positions }) => positions));
  const { bins: { start, first } } = options.find(({ positions }) => positions <= 1.1 * least)!;
  const at = new Map(examples.map((_, i) => [offsets[i], i]));
  return Array.from({ length: first.length - 1 }, (_, row) => {
    const members = Array.from(start.subarray(first[row], first[row + 1]), (s) => at.get(s)!);
    return {
      sequence: joinExamples(members.map((i) => examples[i])),
      weights: members.map((i) => weights[i]),
    };
  });
}

/** Examples end to end; each sees only itself. */
export function joinExamples(examples: readonly Sequence[]): Sequence {
  const loss_spans: number[] = [], starts: number[] = [], documents: DocumentStart[] = [];
  let size = 0;
  for (const { tokens, loss_spans: spans, documents: known = [] } of examples) {
    if (size > 0) starts.push(size);
    for (const { document, offset } of known) documents.push({ document, offset: size + offset });
    for (let i = 0; i < spans.length; i++) loss_spans.push(size + spans[i]);
    size += tokens.length;
  }
  return {
    tokens: joinIds(examples.map(({ tokens }) => tokens)),
    loss_spans,
    starts,
    source: [...new Set(examples.map(({ source }) => source))].join(" + "),
    ...(documents.length > 0 && { documents }),
  };
}

/**
 * The size of as few micro-batches as hold `rows` packed rows, all equal: their number changes from step to step, and would
 * leave much of a last one empty. Rounded up to an eighth of the largest, so that there are at most 8 compiled shapes.
 */
export function evenSize(rows: number, largest: number): number {
  const step = Math.max(1, Math.floor(largest / 8));
  const even = Math.ceil(rows / Math.ceil(rows / largest));
  return Math.min(largest, Math.ceil(even / step) * step);
}

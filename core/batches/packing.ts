/**
 * How documents become sequences of one length for pretraining and midtraining.
 *
 * @module
 */
import type { Sequence } from "./sequence.ts";
import { type DocumentSet, joinIds, type TokenSet } from "./token_set.ts";
import { bestFit, type Bins } from "./best_fit.ts";

/**
 * `concatenate`: documents end to end, cut every T + 1 tokens, as LitGPT does; the paper's. `best_fit`: documents are
 * kept whole where they fit, and put together so that little padding is left (Ding et al. 2024, "Fewer Truncations
 * Improve Language Modeling").
 */
export type Packing = "concatenate" | "best_fit";

export interface PackingOptions {
  readonly packing: Packing;
  /** Whether documents in one sequence are hidden from each other. */
  readonly document_mask: boolean;
  /** Input tokens per sequence, T. */
  readonly sequence_length: number;
}

/** The sequences of a source, in the order of its documents. */
export interface PackedSet {
  readonly name: string;
  /** Tokens of the source, whether or not they come into a sequence. */
  readonly source_tokens: number;
  /** Number of sequences. */
  readonly blocks: number;
  /** Input tokens of all sequences together, without padding. */
  readonly tokens: number;
  /** Sequence `index`, of 2 to T + 1 tokens. Loss is taken on all of them: prompts are masked in fine-tuning only. */
  block(index: number): Sequence;
  /** Input tokens of sequence `index`. */
  blockTokens(index: number): number;
  /** Input tokens of every sequence, where all have as many. */
  readonly uniform_tokens?: number;
}

/** Whether packing needs to know where documents begin. */
export function needsDocuments({ packing, document_mask }: PackingOptions): boolean {
  return packing === "best_fit" || document_mask;
}

/** Packs a set. Concatenation takes no memory; best fit 20 bytes a document. */
export function pack(set: TokenSet | DocumentSet, options: PackingOptions): PackedSet {
  if (options.packing === "best_fit") return new BestFitSet(set as DocumentSet, options);
  return new ConcatenatedSet(set, options);
}

/**
 * Block i holds tokens [i (T + 1), (i + 1) (T + 1)) of the concatenated documents: the first T are inputs, the last T
 * labels, so that neighbouring blocks share no token. The remainder of the set is dropped.
 */
class ConcatenatedSet implements PackedSet {
  readonly name: string;
  readonly source_tokens: number;
  readonly blocks: number;
  readonly tokens: number;
  readonly uniform_tokens: number;

  constructor(readonly set: TokenSet | DocumentSet, readonly options: PackingOptions) {
    this.name = set.name;
    this.source_tokens = set.token_count;
    this.blocks = Math.floor(set.token_count / (options.sequence_length + 1));
    this.uniform_tokens = options.sequence_length;
    this.tokens = this.blocks * options.sequence_length;
  }

  block(index: number): Sequence {
    const { set, options: { sequence_length, document_mask } } = this;
    const start = index * (sequence_length + 1), end = start + sequence_length + 1;
    const tokens = set.read(start, end);
    const sequence = { tokens, prompt_length: 0, source: set.name };
    if (!document_mask) return sequence;
    return { ...sequence, starts: startsWithin((set as DocumentSet).offsets, start, end) };
  }

  blockTokens(): number {
    return this.options.sequence_length;
  }
}

/** Where documents begin inside [start, end), counted from `start`, which itself does not count. */
function startsWithin(offsets: Float64Array, start: number, end: number): number[] {
  let [low, high] = [0, offsets.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle] <= start) low = middle + 1;
    else high = middle;
  }
  const starts: number[] = [];
  for (let i = low; i < offsets.length && offsets[i] < end; i++) {
    if (offsets[i] > offsets[i - 1]) starts.push(offsets[i] - start);
  }
  return starts;
}

class BestFitSet implements PackedSet {
  readonly name: string;
  readonly source_tokens: number;
  readonly blocks: number;
  readonly tokens: number;
  readonly #bins: Bins;

  constructor(readonly set: DocumentSet, readonly options: PackingOptions) {
    this.name = set.name;
    this.source_tokens = set.token_count;
    this.#bins = bestFit(set.offsets, options.sequence_length + 1);
    this.blocks = this.#bins.first.length - 1;
    this.tokens = this.#bins.length.reduce((sum, length) => sum + length, 0) - this.blocks;
  }

  block(index: number): Sequence {
    const { start, length, first } = this.#bins;
    const parts = [];
    const starts = [];
    let size = 0;
    for (let p = first[index]; p < first[index + 1]; p++) {
      if (size > 0) starts.push(size);
      parts.push(this.set.read(start[p], start[p] + length[p]));
      size += length[p];
    }
    const sequence = { tokens: joinIds(parts), prompt_length: 0, source: this.set.name };
    return this.options.document_mask ? { ...sequence, starts } : sequence;
  }

  blockTokens(index: number): number {
    const { length, first } = this.#bins;
    return length.subarray(first[index], first[index + 1]).reduce((sum, n) => sum + n, 0) - 1;
  }
}

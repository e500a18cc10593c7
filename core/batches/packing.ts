/**
 * How documents become sequences of one length for pretraining and midtraining.
 *
 * @module
 */
import { z } from "zod";
import { lastAtOrBefore } from "./arrays.ts";
import type { DocumentStart, Sequence } from "./batch.ts";
import { type DocumentSet, joinIds, type TokenSet } from "./token_set.ts";
import { bestFit, type Bins } from "./best_fit.ts";

export const packing_schema = z.strictObject({
  /**
   * "concatenate": documents end to end, cut every T + 1 tokens, as LitGPT does (the paper's); "best_fit": documents
   * kept whole where they fit, and put together so that little padding is left (Ding et al. 2024, "Fewer Truncations
   * Improve Language Modeling").
   */
  packing: z.enum(["concatenate", "best_fit"]).default("concatenate"),
  /** Whether documents in one sequence are hidden from each other. */
  document_mask: z.boolean().default(false),
});

export type PackingConfig = z.output<typeof packing_schema>;

export interface PackingOptions extends PackingConfig {
  /** Input tokens per sequence, T. */
  readonly sequence_length: number;
}

/** Consecutive tokens of a source. */
export interface Piece {
  /** Position of the first one in the source. */
  readonly start: number;
  readonly length: number;
}

/** The sequences of a source, in the order of its documents. */
export interface PackedSet {
  readonly name: string;
  /** Tokens of the source, those that are in no sequence included. */
  readonly source_tokens: number;
  readonly sequence_count: number;
  /** Input tokens of all sequences together, without padding. */
  readonly tokens: number;
  /** Sequence `index`, of 2 to T + 1 tokens. Loss is taken on all of them: `loss_spans` of documents count in fine-tuning only. */
  sequence(index: number): Sequence;
  /** Ranges of the source's tokens that sequence `index` consists of, in order. */
  pieces(index: number): readonly Piece[];
  /** Input tokens of sequence `index`. */
  sequenceTokens(index: number): number;
  /** Input tokens of every sequence, where all have the same number. */
  readonly uniform_tokens?: number;
}

/** Whether packing needs to know where documents begin. */
export function needsDocuments({ packing, document_mask }: PackingOptions): boolean {
  return packing === "best_fit" || document_mask;
}

/** Packs a set. Concatenation needs no memory; best fit 20 bytes a document. */
export function pack(set: TokenSet | DocumentSet, options: PackingOptions): PackedSet {
  if (options.packing === "best_fit") return new BestFitSet(set as DocumentSet, options);
  return new ConcatenatedSet(set, options);
}

/**
 * Sequence i is tokens [i (T + 1), (i + 1) (T + 1)) of the concatenated documents: the first T are inputs, the last T
 * labels, so neighbouring sequences share no token. The remainder of the set is dropped; a set of fewer than T + 1 tokens
 * is one short sequence, which is padded.
 */
class ConcatenatedSet implements PackedSet {
  readonly name: string;
  readonly source_tokens: number;
  readonly sequence_count: number;
  readonly tokens: number;
  readonly uniform_tokens: number;

  constructor(readonly set: TokenSet | DocumentSet, readonly options: PackingOptions) {
    const { token_count } = set, { sequence_length } = options;
    this.name = set.name;
    this.source_tokens = token_count;
    const is_short = token_count <= sequence_length;
    // One token alone has no label.
    this.sequence_count = is_short
      ? Number(token_count > 1)
      : Math.floor(token_count / (sequence_length + 1));
    this.uniform_tokens = is_short ? Math.max(0, token_count - 1) : sequence_length;
    this.tokens = this.sequence_count * this.uniform_tokens;
  }

  sequence(index: number): Sequence {
    const { set, options: { document_mask } } = this;
    const [{ start, length }] = this.pieces(index);
    const end = start + length;
    const tokens = set.read(start, end);
    const sequence = { tokens, loss_spans: [0, tokens.length], source: set.name };
    if (!document_mask) return sequence;
    return { ...sequence, starts: startsWithin((set as DocumentSet).offsets, start, end) };
  }

  pieces(index: number): [Piece] {
    const start = index * (this.options.sequence_length + 1);
    return [{ start, length: this.uniform_tokens + 1 }];
  }

  sequenceTokens(): number {
    return this.uniform_tokens;
  }
}

/** Offsets from `start` at which documents begin inside (start, end). */
function startsWithin(offsets: Float64Array, start: number, end: number): number[] {
  const starts: number[] = [];
  const first = lastAtOrBefore(start, offsets.length, (i) => offsets[i]) + 1;
  for (let i = first; i < offsets.length && offsets[i] < end; i++) {
    if (offsets[i] > offsets[i - 1]) starts.push(offsets[i] - start);
  }
  return starts;
}

/** The documents that ranges of a set's tokens are of, laid end to end. */
export function documentsOf({ offsets }: DocumentSet, pieces: readonly Piece[]): DocumentStart[] {
  const found: DocumentStart[] = [];
  let size = 0;
  for (const { start, length } of pieces) {
    const end = start + length;
    for (let at = start, document; at < end; at = offsets[document + 1]) {
      document = lastAtOrBefore(at, offsets.length, (i) => offsets[i]);
      found.push({ document, offset: size + at - start });
    }
    size += length;
  }
  return found;
}

class BestFitSet implements PackedSet {
  readonly name: string;
  readonly source_tokens: number;
  readonly sequence_count: number;
  readonly tokens: number;
  readonly #bins: Bins;

  constructor(readonly set: DocumentSet, readonly options: PackingOptions) {
    this.name = set.name;
    this.source_tokens = set.token_count;
    this.#bins = bestFit(set.offsets, options.sequence_length + 1);
    this.sequence_count = this.#bins.first.length - 1;
    this.tokens = this.#bins.length.reduce((sum, length) => sum + length, 0) - this.sequence_count;
  }

  sequence(index: number): Sequence {
    const parts = [];
    const starts = [];
    let size = 0;
    for (const { start, length } of this.pieces(index)) {
      if (size > 0) starts.push(size);
      parts.push(this.set.read(start, start + length));
      size += length;
    }
    const sequence = { tokens: joinIds(parts), loss_spans: [0, size], source: this.set.name };
    return this.options.document_mask ? { ...sequence, starts } : sequence;
  }

  pieces(index: number): Piece[] {
    const { start, length, first } = this.#bins;
    const [from, to] = [first[index], first[index + 1]];
    return Array.from(
      start.subarray(from, to),
      (at, i) => ({ start: at, length: length[from + i] }),
    );
  }

  sequenceTokens(index: number): number {
    const { length, first } = this.#bins;
    return length.subarray(first[index], first[index + 1]).reduce((sum, n) => sum + n, 0) - 1;
  }
}

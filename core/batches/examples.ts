/**
 * Whole documents as rows, and the sequences of an eval set.
 *
 * @module
 */
import { requireInteger } from "../config/mod.ts";
import { counted } from "../words/mod.ts";
import type { Sequence } from "./batch.ts";
import { documentsOf, pack, type PackingConfig } from "./packing.ts";
import type { DocumentSet } from "./token_set.ts";

/** Document `index` as a row, truncated to T + 1 tokens, with loss on its spans only. */
export function example(set: DocumentSet, index: number, sequence_length: number): Sequence {
  const start = set.offsets[index];
  const tokens = set.read(start, Math.min(set.offsets[index + 1], start + sequence_length + 1));
  const loss_spans = cutSpans(set.lossSpans(index), tokens.length);
  return { tokens, loss_spans, source: set.name };
}

/** The parts of spans that are before a position. */
function cutSpans(spans: ArrayLike<number>, end: number): number[] {
  const kept: number[] = [];
  for (let i = 0; i < spans.length && spans[i] < end; i += 2) {
    kept.push(spans[i], Math.min(spans[i + 1], end));
  }
  return kept;
}

/** Number of labels that count in document `index` truncated to T + 1 tokens; does not read it. */
export function exampleLabels(set: DocumentSet, index: number, sequence_length: number): number {
  const length = Math.min(set.offsets[index + 1] - set.offsets[index], sequence_length + 1);
  const spans = cutSpans(set.lossSpans(index), length);
  let labels = 0;
  for (let i = 0; i < spans.length; i += 2) labels += spans[i + 1] - Math.max(1, spans[i]);
  return labels;
}

export interface EvaluationOptions {
  /** Longest input, T. */
  readonly sequence_length: number;
  /** "packed": documents packed as in pretraining; "examples": whole documents, as in fine-tuning. */
  readonly mode: "packed" | "examples";
  /** Most sequences to take. */
  readonly max_sequences: number;
  /** How documents are packed; concatenated and cut by default. */
  readonly packing?: PackingConfig;
}

const CONCATENATE = { packing: "concatenate", document_mask: false } as const;

/**
 * The sequences on which an eval loss is measured, with their documents: always the same ones in the same order.
 *
 * When there are more than `max_sequences`, they are taken at even distances over the whole set, because a set is often
 * sorted by the kind of document.
 *
 * @throws {Error} when no sequence of the set has a token to predict.
 */
export function evaluationSequences(set: DocumentSet, options: EvaluationOptions): Sequence[] {
  const { sequence_length, mode, max_sequences } = options;
  requireInteger("sequence_length", sequence_length, 1);
  requireInteger("max_sequences", max_sequences, 1);
  const { count, sequence } = sequencesOf(set, options);
  if (count === 0) {
    const fix = mode === "packed"
      ? "lower sequence_length"
      : "check the prompts and sequence_length";
    throw new Error(
      `source "${set.name}" (${counted(set.documents, "document")}, ${
        counted(set.token_count, "token")
      }) has no sequence ` +
        `to evaluate on; add documents, or ${fix} (${sequence_length})`,
    );
  }
  const taken = Math.min(count, max_sequences);
  return Array.from({ length: taken }, (_, i) => sequence(Math.floor((i * count) / taken)));
}

/** All sequences that a set has in a mode. */
function sequencesOf(
  set: DocumentSet,
  { sequence_length, mode, packing = CONCATENATE }: EvaluationOptions,
): { count: number; sequence(index: number): Sequence } {
  if (mode === "packed") {
    const all = pack(set, { ...packing, sequence_length });
    const sequence = (index: number) => {
      return { ...all.sequence(index), documents: documentsOf(set, all.pieces(index)) };
    };
    return { count: all.sequence_count, sequence };
  }
  const usable = documentsWithLabels(set, sequence_length);
  const sequence = (index: number) => {
    const document = usable[index];
    return {
      ...example(set, document, sequence_length),
      documents: [{ document, offset: 0 }],
    };
  };
  return { count: usable.length, sequence };
}

/** Documents with at least one label once truncated to T + 1 tokens. */
export function documentsWithLabels(set: DocumentSet, sequence_length: number): number[] {
  return [...Array(set.documents).keys()].filter((i) => exampleLabels(set, i, sequence_length) > 0);
}

/**
 * A first look over a dataset: which documents are taken, which are held out, and which the tokenizer
 * is learned from. All of it depends on the documents' names, groups and texts only, so it is the same on every
 * machine and for every seed, and no document moves between train and validation from run to run.
 *
 * @module
 */
import { type DatasetCard, type Document, hashShare } from "../../core/data/readers/mod.ts";

/** One dataset of one source, as the config names it. */
export interface Part {
  readonly source: string;
  readonly card: DatasetCard;
  readonly max_bytes: number;
}

/** What is known of each document after the survey, by its place in the stream. */
export interface Survey extends Part {
  /** UTF-8 bytes of each document. */
  readonly sizes: readonly number[];
  /** Position in [0, 1) of each document in the order in which samples are drawn. */
  readonly draws: readonly number[];
  readonly taken: readonly boolean[];
  readonly held_out: readonly boolean[];
}

export interface SurveyOptions {
  validation_share: number;
}

/** Looks through the documents once, and decides. */
export async function survey(
  part: Part,
  documents: AsyncIterable<Document>,
  { validation_share }: SurveyOptions,
): Promise<Survey> {
  const sizes: number[] = [];
  const draws: number[] = [];
  const own_split: (Document["split"])[] = [];
  const split_draws: number[] = [];
  for await (const { id, text, split, group } of documents) {
    sizes.push(byteLength(text));
    draws.push(hashShare("sample", id));
    own_split.push(split);
    // By text where there is no group: exact duplicates then never stand on both sides.
    split_draws.push(hashShare("split", group ?? text));
  }
  const taken = sample(sizes, draws, part.max_bytes, sizes.map(() => true));
  const share = holdOutShare(split_draws, taken, own_split, validation_share);
  const held_out = own_split.map((split, i) =>
    split === undefined ? split_draws[i] < share : split === "validation"
  );
  return { ...part, sizes, draws, taken, held_out };
}

/**
 * Draws documents until the next one would exceed a budget; at least one is drawn.
 *
 * @param budget UTF-8 bytes
 * @param eligible documents that may be drawn
 * @returns for each document, whether it was drawn.
 */
export function sample(
  sizes: readonly number[],
  draws: readonly number[],
  budget: number,
  eligible: readonly boolean[],
): boolean[] {
  const drawn = sizes.map(() => false);
  const order = [...sizes.keys()].filter((i) => eligible[i]);
  order.sort((a, b) => draws[a] - draws[b] || a - b);
  let bytes = 0;
  for (const [rank, i] of order.entries()) {
    bytes += sizes[i];
    if (bytes > budget && rank > 0) break;
    drawn[i] = true;
  }
  return drawn;
}

/**
 * The threshold under which a split draw holds a document out: the share asked for, or a little more
 * where that would hold out nothing of a small dataset.
 */
function holdOutShare(
  split_draws: readonly number[],
  taken: readonly boolean[],
  own_split: readonly Document["split"][],
  share: number,
): number {
  const draws = split_draws.filter((_, i) => taken[i] && own_split[i] === undefined);
  const [lowest, next] = [...new Set(draws)].sort((a, b) => a - b);
  // A lone group of documents stays in train: without it there would be nothing to learn from.
  if (share === 0 || lowest === undefined || lowest < share || next === undefined) return share;
  return next;
}

/** UTF-8 length of a text. */
export function byteLength(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    // Each half of a surrogate pair: 4 bytes in all.
    else bytes += unit >= 0xd800 && unit < 0xe000 ? 2 : 3;
  }
  return bytes;
}

/**
 * A first look over a dataset: which documents are taken, which are held out, and which the tokenizer
 * is learned from. All of it depends on the documents' names, groups and texts only, so it is the same on every
 * machine and for every seed, and no document moves between train and validation from run to run.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { resized } from "../../core/batches/mod.ts";
import { type DatasetCard, type Document, hashShare } from "../../core/readers/mod.ts";

/** One dataset of one source, as the config names it. */
export interface Part {
  readonly source: string;
  readonly card: DatasetCard;
  readonly max_bytes: number;
}

/** What is known of each document after the survey, by its place in the stream: 14 bytes a document. */
export interface Survey extends Part {
  /** UTF-8 bytes of each document. */
  readonly sizes: Int32Array;
  /** Position in [0, 1) of each document in the order in which samples are drawn. */
  readonly draws: Float64Array;
  /** 1 where a document is taken. */
  readonly taken: Uint8Array;
  readonly taken_count: number;
  /** 1 where a document is held out. */
  readonly held_out: Uint8Array;
}

export interface SurveyOptions {
  validation_share: number;
}

const SPLITS = [undefined, "train", "validation"] as const;

/** Looks through the documents once, and decides. */
export async function survey(
  part: Part,
  documents: AsyncIterable<Document>,
  { validation_share }: SurveyOptions,
): Promise<Survey> {
  let room = 1024, count = 0;
  let sizes = new Int32Array(room);
  let draws = new Float64Array(room), split_draws = new Float64Array(room);
  let own_split = new Uint8Array(room);
  for await (const { id, text, split, group } of documents) {
    if (count === room) {
      room *= 2;
      [sizes, own_split] = [resized(sizes, room), resized(own_split, room)];
      [draws, split_draws] = [resized(draws, room), resized(split_draws, room)];
    }
    sizes[count] = Buffer.byteLength(text);
    draws[count] = hashShare("sample", id);
    own_split[count] = SPLITS.indexOf(split);
    // By text where there is no group: exact duplicates then never stand on both sides.
    split_draws[count++] = hashShare("split", group ?? text);
  }
  [sizes, draws] = [resized(sizes, count), resized(draws, count)];
  [own_split, split_draws] = [resized(own_split, count), resized(split_draws, count)];
  const taken = sample(sizes, draws, part.max_bytes, new Uint8Array(count).fill(1));
  const share = holdOutShare(split_draws, taken, own_split, validation_share);
  const held_out = own_split.map((split, i) =>
    split === 0 ? Number(split_draws[i] < share) : Number(SPLITS[split] === "validation")
  );
  const taken_count = taken.reduce((sum, one) => sum + one, 0);
  return { ...part, sizes, draws, taken, taken_count, held_out };
}

/**
 * Draws documents until the next one would exceed a budget; at least one is drawn.
 *
 * @param budget UTF-8 bytes
 * @param eligible 1 for documents that may be drawn
 * @returns 1 for each document that was drawn.
 */
export function sample(
  sizes: Int32Array,
  draws: Float64Array,
  budget: number,
  eligible: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const all = sizes.reduce((sum, size, i) => eligible[i] ? sum + size : sum, 0);
  if (all <= budget) return eligible.slice();
  const order = Uint32Array.from(sizes.keys()).filter((i) => eligible[i]);
  order.sort((a, b) => draws[a] - draws[b] || a - b);
  const drawn = new Uint8Array(sizes.length);
  let bytes = 0;
  for (const [rank, i] of order.entries()) {
    bytes += sizes[i];
    if (bytes > budget && rank > 0) break;
    drawn[i] = 1;
  }
  return drawn;
}

/**
 * The threshold under which a split draw holds a document out: the share asked for, or a little more
 * where that would hold out nothing of a small dataset.
 */
function holdOutShare(
  split_draws: Float64Array,
  taken: Uint8Array,
  own_split: Uint8Array,
  share: number,
): number {
  let lowest = Infinity, next = Infinity;
  split_draws.forEach((draw, i) => {
    if (!taken[i] || own_split[i] !== 0) return;
    if (draw < lowest) [lowest, next] = [draw, lowest];
    else if (draw > lowest && draw < next) next = draw;
  });
  // A lone group of documents stays in train: without it there would be nothing to learn from.
  return share === 0 || lowest < share || next === Infinity ? share : next;
}

/**
 * The first pass over the documents of a dataset: decides which are used, which are held out, and which train the
 * tokenizer. This depends only on the documents' ids, groups and texts, so it is the same on every machine and for every
 * seed, and no document moves between train and validation from run to run.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { resized } from "@causeway/core/batches";
import { type DatasetCard, type Document, hashShare } from "@causeway/core/readers";
import { normalize } from "./overlap.ts";

/** One dataset of one source, from the config. */
export interface Part {
  readonly source: string;
  readonly card: DatasetCard;
  readonly max_bytes: number;
}

/** The result of a scan, by position in the stream: 30 bytes per document. */
export interface Scan extends Part {
  /** UTF-8 bytes of each document. */
  readonly sizes: Int32Array;
  /** A hash in [0, 1) of each document; samples are drawn in ascending order. */
  readonly draws: Float64Array;
  /** 1 for documents that are used. */
  readonly taken: Uint8Array;
  readonly taken_count: number;
  /** 1 for documents that are held out. */
  readonly held_out: Uint8Array;
  /** Why no document that is used is held out; undefined if there is one. */
  readonly none_held_out?: string;
  /** Number of conversations among the documents. */
  readonly conversations: number;
  /** Hashes of the texts. */
  readonly exact: Float64Array;
  /** Hashes of the texts without differences of case, spaces and punctuation. */
  readonly normalized: Float64Array;
}

const SPLITS = [undefined, "train", "validation"] as const;

/** Reads all documents once. */
export async function scan(
  part: Part,
  documents: AsyncIterable<Document>,
  { validation_share }: { validation_share: number },
): Promise<Scan> {
  let room = 1024, count = 0, conversations = 0;
  let sizes = new Int32Array(room);
  let draws = new Float64Array(room), split_draws = new Float64Array(room);
  let exact = new Float64Array(room), normalized = new Float64Array(room);
  let own_split = new Uint8Array(room);
  for await (const { id, text, split, group, messages } of documents) {
    if (messages !== undefined) conversations++;
    if (count === room) {
      room *= 2;
      [sizes, own_split] = [resized(sizes, room), resized(own_split, room)];
      [draws, split_draws] = [resized(draws, room), resized(split_draws, room)];
      [exact, normalized] = [resized(exact, room), resized(normalized, room)];
    }
    sizes[count] = Buffer.byteLength(text);
    draws[count] = hashShare("sample", id);
    own_split[count] = SPLITS.indexOf(split);
    exact[count] = hashShare("split", text);
    normalized[count] = hashShare("normalized", normalize(text));
    // By text if there is no group, so that exact duplicates are never in both splits.
    split_draws[count] = group === undefined ? exact[count] : hashShare("split", group);
    count++;
  }
  [sizes, draws] = [resized(sizes, count), resized(draws, count)];
  [own_split, split_draws] = [resized(own_split, count), resized(split_draws, count)];
  [exact, normalized] = [resized(exact, count), resized(normalized, count)];
  const taken = sample(sizes, draws, part.max_bytes, new Uint8Array(count).fill(1));
  const share = holdOutShare(split_draws, taken, own_split, validation_share);
  const held_out = own_split.map((split, i) =>
    split === 0 ? Number(split_draws[i] < share) : Number(SPLITS[split] === "validation")
  );
  const taken_count = taken.reduce((sum, one) => sum + one, 0);
  const none_held_out = held_out.some((one, i) => one && taken[i])
    ? undefined
    : whyNone({ taken, held_out, own_split, exact }, validation_share);
  const places = { sizes, draws, taken, taken_count, held_out, none_held_out };
  return { ...part, ...places, conversations, exact, normalized };
}

/** Why none of the documents is held out. */
function whyNone(
  { taken, held_out, own_split, exact }: Pick<Scan, "taken" | "held_out" | "exact"> & {
    readonly own_split: Uint8Array;
  },
  validation_share: number,
): string {
  if (held_out.includes(1)) return "max_bytes leaves out its validation documents";
  const free = [...own_split.keys()].filter((i) => taken[i] && own_split[i] === 0);
  if (free.length === 0) return "the dataset has only training documents";
  if (validation_share === 0) return "validation_share is 0";
  if (free.length === 1) return "it has only one document to choose from";
  return new Set(free.map((i) => exact[i])).size === 1
    ? "all documents are identical"
    : "all documents are in one group, which stays in train";
}

/**
 * Samples documents until the next one would exceed the budget; at least one.
 *
 * @param budget UTF-8 bytes.
 * @param eligible 1 for documents that may be sampled.
 * @returns 1 for each document in the sample.
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
 * Documents with a split hash below this threshold are held out: the requested share, or slightly more if that would
 * hold out nothing of a small dataset.
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
  // A single group of documents stays in train, which would otherwise be empty.
  return share === 0 || lowest < share || next === Infinity ? share : next;
}

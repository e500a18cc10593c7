/**
 * Best-fit-decreasing bin packing of documents (Ding et al. 2024, "Fewer Truncations Improve Language Modeling",
 * algorithm 1).
 *
 * @module
 */

/** Pieces of documents, sorted by bin. */
export interface Bins {
  /** [pieces]; position of each piece's first token in the set. */
  readonly start: Float64Array;
  /** [pieces]; number of tokens. */
  readonly length: Int32Array;
  /** [bins + 1]; bin `b` has pieces `first[b]` to `first[b + 1]`. */
  readonly first: Uint32Array;
}

/**
 * Puts documents into bins: the longest first, each into the bin where it leaves the least room. Documents longer
 * than a bin are cut into full bins and a remainder. Pieces of one token, which have no label, are left out.
 *
 * O(n log capacity) time: bins of equal room are in one stack, and a tree over rooms finds the smallest that is large
 * enough.
 *
 * @param offsets [documents + 1]; where documents begin.
 * @param capacity tokens per bin.
 */
export function bestFit(offsets: Float64Array, capacity: number): Bins {
  const pieces = cut(offsets, capacity);
  const bin = new Uint32Array(pieces.order.length);
  const rooms = new Rooms(capacity);
  let bins = 0;
  for (const piece of pieces.order) {
    const length = pieces.length[piece];
    const found = rooms.take(length);
    bin[piece] = found?.bin ?? bins++;
    rooms.put((found?.room ?? capacity) - length, bin[piece]);
  }
  return byBin(pieces, bin, bins);
}

interface Pieces {
  readonly start: Float64Array;
  readonly length: Int32Array;
  /** Pieces from the longest to the shortest; equal ones in the order of the documents. */
  readonly order: Uint32Array;
}

function cut(offsets: Float64Array, capacity: number): Pieces {
  let count = 0;
  forEachPiece(offsets, capacity, () => count++);
  const start = new Float64Array(count), length = new Int32Array(count);
  const of_length = new Uint32Array(capacity + 1);
  let piece = 0;
  forEachPiece(offsets, capacity, (at, size) => {
    start[piece] = at;
    length[piece++] = size;
    of_length[size]++;
  });
  // Counting sort: the place of the first piece of each length, the longest at 0.
  const place = new Uint32Array(capacity + 1);
  for (let size = capacity - 1; size >= 0; size--) {
    place[size] = place[size + 1] + of_length[size + 1];
  }
  const order = new Uint32Array(count);
  for (let p = 0; p < count; p++) order[place[length[p]]++] = p;
  return { start, length, order };
}

function forEachPiece(
  offsets: Float64Array,
  capacity: number,
  take: (start: number, length: number) => void,
): void {
  for (let d = 0; d + 1 < offsets.length; d++) {
    for (let at = offsets[d]; at < offsets[d + 1]; at += capacity) {
      const length = Math.min(capacity, offsets[d + 1] - at);
      if (length > 1) take(at, length);
    }
  }
}

/** Pieces sorted by bin; within a bin they keep the order of the documents. */
function byBin({ start, length }: Pieces, bin: Uint32Array, bins: number): Bins {
  const first = new Uint32Array(bins + 1);
  for (const b of bin) first[b + 1]++;
  for (let b = 0; b < bins; b++) first[b + 1] += first[b];
  const next = first.slice();
  const sorted = { start: new Float64Array(start.length), length: new Int32Array(start.length) };
  for (let p = 0; p < bin.length; p++) {
    const at = next[bin[p]]++;
    sorted.start[at] = start[p];
    sorted.length[at] = length[p];
  }
  return { ...sorted, first };
}

/** Bins by the room that is left in them. */
class Rooms {
  readonly #stacks: number[][];
  /** A binary tree over rooms: whether any bin has a room below the node. Leaves begin at `#leaves`. */
  readonly #tree: Uint8Array;
  readonly #leaves: number;

  constructor(capacity: number) {
    this.#stacks = Array.from({ length: capacity + 1 }, () => []);
    this.#leaves = 2 ** Math.ceil(Math.log2(capacity + 1));
    this.#tree = new Uint8Array(2 * this.#leaves);
  }

  put(room: number, bin: number): void {
    this.#stacks[room].push(bin);
    for (let node = this.#leaves + room; node > 0 && !this.#tree[node]; node >>= 1) {
      this.#tree[node] = 1;
    }
  }

  /** Removes the bin with the least room of at least `length`; of several, the latest. */
  take(length: number): { bin: number; room: number } | undefined {
    const room = this.#smallestFrom(length);
    if (room === undefined) return undefined;
    const bin = this.#stacks[room].pop()!;
    if (this.#stacks[room].length > 0) return { bin, room };
    let node = this.#leaves + room;
    this.#tree[node] = 0;
    for (node >>= 1; node > 0; node >>= 1) {
      this.#tree[node] = this.#tree[2 * node] | this.#tree[2 * node + 1];
    }
    return { bin, room };
  }

  #smallestFrom(room: number): number | undefined {
    let node = this.#leaves + room;
    // Up while nothing is found here or to the right, then down to the leftmost.
    while (!this.#tree[node]) {
      while (node % 2 === 1) node >>= 1;
      if (node === 0) return undefined;
      node++;
    }
    while (node < this.#leaves) node = this.#tree[2 * node] ? 2 * node : 2 * node + 1;
    return node - this.#leaves;
  }
}

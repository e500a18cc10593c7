/**
 * Priority queue of candidate merges.
 *
 * @module
 */

/** A pair of token ids that may be merged, as counted when it was queued. */
export interface Candidate {
  /** Number of the pair. */
  pair: number;
  left: number;
  right: number;
  count: number;
  /** Indices of the words to merge in. */
  readonly words: readonly number[];
}

/** A binary heap: highest count first, then the lowest left id, then the lowest right id. */
export class PairQueue {
  readonly #heap: Candidate[] = [];

  push(candidate: Candidate): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(candidate);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(candidate, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = candidate;
  }

  pop(): Candidate | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.left !== b.left ? a.left < b.left : a.right < b.right;
}

/**
 * Typed arrays that grow, and sorted lists.
 *
 * @module
 */

/** A copy of the given length: cut off, or with zeros at the end. */
export function resized<A extends Float64Array | Int32Array | Uint8Array>(
  array: A,
  length: number,
): A {
  const copy = new (array.constructor as new (length: number) => A)(length);
  copy.set(array.subarray(0, length));
  return copy;
}

/**
 * The last index whose start is at or before a place, by bisection; -1 when there is none.
 *
 * @param count number of starts.
 * @param startOf start `index`, ascending.
 */
export function lastAtOrBefore(
  place: number,
  count: number,
  startOf: (index: number) => number,
): number {
  let [low, high] = [-1, count - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (startOf(middle) <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

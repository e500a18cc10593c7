/**
 * Typed arrays of another length.
 *
 * @module
 */

/** A copy of the given length: cut, or with zeros at its end. */
export function resized<A extends Float64Array | Int32Array | Uint8Array>(
  array: A,
  length: number,
): A {
  const copy = new (array.constructor as new (length: number) => A)(length);
  copy.set(array.subarray(0, length));
  return copy;
}

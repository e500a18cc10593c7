/**
 * Typed arrays that grow.
 *
 * @module
 */

/** Any typed array of ids, counts or bytes. */
type Growable = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** The array itself where it holds `length` elements, else a copy at least twice as long, with zeros at its end. */
export function grown<T extends Growable>(array: T, length: number): T {
  if (length <= array.length) return array;
  const longer = new (array.constructor as new (length: number) => T)(
    Math.max(length, 2 * array.length),
  );
  longer.set(array);
  return longer;
}

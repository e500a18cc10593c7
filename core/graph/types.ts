/**
 * Element types and shapes.
 *
 * @module
 */

/** The array of each element type. */
export const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
} as const;

/** Element types of a value. */
export type DType = keyof typeof ARRAYS;

/** Memory of a tensor; its type follows the dtype. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array;

export function dtypeOf(data: TensorData): DType {
  const dtypes = Object.keys(ARRAYS) as DType[];
  return dtypes.find((dtype) => data instanceof ARRAYS[dtype])!;
}

/** Sizes, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** A size, or the name of one that is known only when the model runs, such as "batch_size". */
export type Dimension = number | string;

/** A shape in which sizes may be names. */
export type Dimensions = readonly Dimension[];

/** What shape inference computes for each output of a node. */
export interface TensorType {
  readonly dtype: DType;
  readonly dims: Dimensions;
}

/** A matrix [out, in] in codes of a few bits, in blocks along `in` that share a scale. */
export interface QuantizedMatrix {
  /** [out, blocks, block_size · bits / 8]; of two 4-bit codes in a byte the first is the low half. */
  readonly codes: Uint8Array;
  /** [out · blocks]. A weight is scale · (code - 2^(bits-1)). */
  readonly scales: Float32Array;
  readonly blocks: number;
  readonly block_size: number;
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Whether two shapes are the same, names included. */
export function sameDims(a: Dimensions, b: Dimensions): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** A shape as text: `[2, 3]`. */
export function formatShape(dims: Dimensions): string {
  return `[${dims.join(", ")}]`;
}

/**
 * The sizes of a shape.
 *
 * @throws {Error} when one is a name: gradients and sessions need sizes, only exported models have names.
 */
export function staticShape(dims: Dimensions): Shape {
  return dims.map((dim) => {
    if (typeof dim === "number") return dim;
    throw new Error(`the size "${dim}" in ${formatShape(dims)} is known only when the model runs`);
  });
}

/**
 * NumPy broadcasting of two shapes.
 *
 * @throws {Error} when a pair of dimensions differs and neither is 1.
 */
export function broadcastDims(a: Dimensions, b: Dimensions): Dimension[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const da = a[a.length - rank + i] ?? 1;
    const db = b[b.length - rank + i] ?? 1;
    if (da !== db && da !== 1 && db !== 1) {
      throw new Error(`cannot broadcast ${formatShape(a)} and ${formatShape(b)}`);
    }
    return da === 1 ? db : da;
  });
}

/** Whether two shapes have the same number of elements, whatever sizes their names have. */
export function sameSize(a: Dimensions, b: Dimensions): boolean {
  const names = (dims: Dimensions) => dims.filter((dim) => typeof dim === "string").sort();
  const numbers = (dims: Dimensions) => dims.filter((dim) => typeof dim === "number");
  return sameDims(names(a), names(b)) && sizeOf(numbers(a)) === sizeOf(numbers(b));
}

/** The sum of some sizes: "past + new" where one is a name. */
export function sumOf(parts: Dimensions): Dimension {
  return parts.reduce((a, b) =>
    typeof a === "number" && typeof b === "number" ? a + b : `${a} + ${b}`
  );
}

/**
 * What is known of a parameter before there is any.
 *
 * @module
 */
import type { Shape } from "../graph/mod.ts";

/** One tensor of the model. */
export interface ParameterSpec {
  /** Its Hugging Face name. */
  readonly name: string;
  /** Its shape in Hugging Face's files; linear weights are [out, in]. */
  readonly shape: Shape;
  /**
   * Whether it is kept transposed in memory, [in, out]. The gradient of a weight is a product over all positions
   * with one factor transposed. Stored [out, in] that is the gradient of the output, [in, out] the input; matrix
   * kernels transpose the narrower one at less cost, which was measured to save up to a quarter of it.
   */
  readonly transposed: boolean;
  /** Its initial values: all the same, or normal with a standard deviation. */
  readonly initial: { readonly value: number } | { readonly deviation: number };
}

/** The shape of a parameter in memory. */
export function storedShape(
  { shape, transposed }: Pick<ParameterSpec, "shape" | "transposed">,
): Shape {
  return transposed ? shape.toReversed() : shape;
}

/** A vector that begins with one value: a bias, or the scale of a norm. */
export function vector(name: string, size: number, value: number): ParameterSpec {
  return { name, shape: [size], transposed: false, initial: { value } };
}

/** The weight of a linear layer, [out, in]. */
export function matrix(
  name: string,
  [out, into]: readonly [out: number, into: number],
  deviation: number,
): ParameterSpec {
  return { name, shape: [out, into], transposed: out > into, initial: { deviation } };
}

/**
 * Activation functions of MLPs under Hugging Face's names (`hidden_act`).
 *
 * @module
 */
import { z } from "zod";
import { gelu, geluTanh, silu, type Value } from "../graph/mod.ts";

/** Names of one function differ in how transformers computes it, not in its values. */
const ACTIVATIONS = {
  gelu,
  gelu_python: gelu,
  gelu_new: geluTanh,
  gelu_fast: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_python_tanh: geluTanh,
  gelu_accurate: geluTanh,
  silu,
  swish: silu,
} as const satisfies Record<string, (x: Value) => Value>;

export type ActivationName = keyof typeof ACTIVATIONS;

const NAMES = Object.keys(ACTIVATIONS) as [ActivationName, ...ActivationName[]];

export const activation_schema = z.enum(NAMES, {
  error: ({ input }) => `${JSON.stringify(input)} is not supported; supported: ${NAMES.join(", ")}`,
});

/** Applies an activation function. */
export function activate(name: ActivationName, x: Value): Value {
  return ACTIVATIONS[name](x);
}

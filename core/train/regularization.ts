/**
 * What keeps fine-tuning near the model that it starts from: decay towards its weights, and parameters that stay.
 *
 * @module
 */
import { z } from "zod";
import { count } from "../config/mod.ts";
import { embeddings, type ModelConfig, parameterSpecs } from "../model/mod.ts";
import { counted } from "../words/mod.ts";

/** Config fields of stages that fine-tune. On the CPU only. */
export const regularization_fields = {
  /**
   * λ of a decay towards the weights at the start, decoupled like weight decay: each step also moves every parameter by
   * -learning rate · λ · (p - p_start) (L2-SP: Li et al., 2018, "Explicit Inductive Bias for Transfer Learning").
   */
  start_decay: z.number().positive().optional(),
  /** Parameters that are not trained; their gradients are not computed, and not part of the gradient's norm. */
  freeze: z.strictObject({
    /** Layers below this one, counted from 0 at the embedding, are frozen. */
    layers_below: count.default(0),
    /** Whether the input embedding is frozen, and the output projection if it is the same matrix. */
    embeddings: z.boolean().default(false),
  }).optional(),
};

export type Regularization = z.output<z.ZodObject<typeof regularization_fields>>;

/**
 * Names of the parameters that are not trained.
 *
 * @throws {Error} when there are fewer layers, or nothing is left to train.
 */
export function frozenParameters(
  model: ModelConfig,
  freeze: Regularization["freeze"],
): ReadonlySet<string> {
  if (!freeze) return new Set();
  const { layers_below, embeddings: input_too } = freeze, layers = model.num_hidden_layers;
  if (layers_below > layers) {
    throw new Error(
      `freeze.layers_below is ${layers_below}, but the model has ${counted(layers, "layer")}`,
    );
  }
  const { input } = embeddings(model);
  const names = parameterSpecs(model).map(({ name }) => name).filter((name) => {
    const layer = /\blayers\.(\d+)\./.exec(name)?.[1];
    return layer !== undefined ? Number(layer) < layers_below : input_too && name === input.name;
  });
  return new Set(names);
}

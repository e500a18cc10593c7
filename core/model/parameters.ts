/**
 * The parameters of a model: names, shapes, initial values, and their flat storage.
 *
 * @module
 */
import { type Shape, sizeOf } from "../graph/mod.ts";
import { Random } from "../random/mod.ts";
import type { GptNeoXConfig } from "./config.ts";

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
}

/** The shape of a parameter in memory. */
export function storedShape({ shape, transposed }: ParameterSpec): Shape {
  return transposed ? shape.toReversed() : shape;
}

/** Name of the input embedding, [V, D]. */
export const EMBED_IN = "gpt_neox.embed_in.weight";
/** Name of the output projection, [V, D] in files, [D, V] in memory; it has no bias. */
export const EMBED_OUT = "embed_out.weight";

/** All parameters of a model, in the order of computation. */
export function parameterSpecs(config: GptNeoXConfig): ParameterSpec[] {
  const { vocab_size: V, hidden_size: D, intermediate_size: F } = config;
  const plain = (name: string, shape: Shape) => ({ name, shape, transposed: false });
  const matrix = (name: string, out: number, into: number) => ({
    name,
    shape: [out, into],
    transposed: out > into,
  });
  const linear = (name: string, out: number, into: number): ParameterSpec[] => [
    matrix(`${name}.weight`, out, into),
    plain(`${name}.bias`, [out]),
  ];
  const norm = (name: string): ParameterSpec[] => [
    plain(`${name}.weight`, [D]),
    plain(`${name}.bias`, [D]),
  ];
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => {
    const prefix = `gpt_neox.layers.${i}`;
    return [
      ...norm(`${prefix}.input_layernorm`),
      ...norm(`${prefix}.post_attention_layernorm`),
      ...linear(`${prefix}.attention.query_key_value`, 3 * D, D),
      ...linear(`${prefix}.attention.dense`, D, D),
      ...linear(`${prefix}.mlp.dense_h_to_4h`, F, D),
      ...linear(`${prefix}.mlp.dense_4h_to_h`, D, F),
    ];
  });
  return [
    plain(EMBED_IN, [V, D]),
    ...layers.flat(),
    ...norm("gpt_neox.final_layer_norm"),
    { name: EMBED_OUT, shape: [V, D], transposed: true },
  ];
}

/** Number of parameters of a model. */
export function parameterCount(config: GptNeoXConfig): number {
  return parameterSpecs(config).reduce((count, { shape }) => count + sizeOf(shape), 0);
}

/**
 * Which parameters weight decay applies to. "matrices": the weights of linear layers and embeddings; biases
 * and layer norms set offsets and scales, which shrinking to zero distorts without regularizing anything.
 * "all": every parameter, as LitGPT's pretraining (and so the paper) has it.
 */
export type DecayScope = "matrices" | "all";

export type GroupName = "decay" | "no_decay";

/**
 * Float32 storage for one number per parameter (the weights, their gradients, or a moment of the optimizer):
 * one flat array per weight-decay group, with a view for each tensor. Flat arrays let the optimizer step
 * be a handful of passes, however many tensors there are.
 */
export class ParameterArrays {
  readonly groups: Readonly<Record<GroupName, Float32Array>>;
  readonly views: ReadonlyMap<string, Float32Array>;

  readonly #group_of: ReadonlyMap<string, GroupName>;

  constructor(readonly config: GptNeoXConfig, readonly decay_scope: DecayScope) {
    const specs = parameterSpecs(config);
    this.#group_of = new Map(specs.map(({ name, shape }) => {
      return [name, decay_scope === "all" || shape.length > 1 ? "decay" : "no_decay"];
    }));
    const size = (group: GroupName) =>
      specs.filter(({ name }) => this.groupOf(name) === group)
        .reduce((n, { shape }) => n + sizeOf(shape), 0);
    this.groups = {
      decay: new Float32Array(size("decay")),
      no_decay: new Float32Array(size("no_decay")),
    };
    const offsets = { decay: 0, no_decay: 0 };
    this.views = new Map(specs.map((spec) => {
      const group = this.groupOf(spec.name), start = offsets[group];
      offsets[group] += sizeOf(spec.shape);
      return [spec.name, this.groups[group].subarray(start, offsets[group])];
    }));
  }

  /** The weight-decay group of one tensor. */
  groupOf(name: string): GroupName {
    return this.#group_of.get(name)!;
  }

  /** The view of one tensor. */
  get(name: string): Float32Array {
    const view = this.views.get(name);
    if (!view) throw new Error(`the model has no parameter "${name}"`);
    return view;
  }

  fill(value: number): void {
    for (const array of Object.values(this.groups)) array.fill(value);
  }
}

/**
 * Draws initial weights: layer norms 1 and 0, biases 0, matrices normal with standard deviation 0.02, those
 * that write to the residual stream (attention.dense, mlp.dense_4h_to_h) with 0.02 / √(2 L), so that the
 * stream's variance does not grow with the depth L (Radford et al., 2019).
 *
 * Every tensor has a random stream of its own, named by (seed, "init/NAME", 0).
 */
export function initialize(parameters: ParameterArrays, seed: number): void {
  const residual_std = 0.02 / Math.sqrt(2 * parameters.config.num_hidden_layers);
  for (const [name, view] of parameters.views) {
    if (name.endsWith(".bias")) view.fill(0);
    else if (/norm\.weight$/.test(name)) view.fill(1);
    else {
      const residual = /(attention\.dense|dense_4h_to_h)\.weight$/.test(name);
      new Random(seed, `init/${name}`, 0).fillNormal(view, residual ? residual_std : 0.02);
    }
  }
}

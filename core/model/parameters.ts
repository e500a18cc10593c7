/**
 * The parameters of a model: their list, flat storage, initial values, and copies on a device.
 *
 * @module
 */
import {
  type Device,
  type DeviceTensor,
  type Feeds,
  sharedFloats,
  Transfer,
} from "../engine/mod.ts";
import { sizeOf } from "../graph/mod.ts";
import { Random } from "../random/mod.ts";
import { familyOf, type ModelConfig } from "./families.ts";
import { type ParameterSpec, storedShape } from "./family.ts";

/** All parameters of a model, in the order of computation. */
export function parameterSpecs(config: ModelConfig): ParameterSpec[] {
  return familyOf(config).parameterSpecs(config);
}

/** The two ends of a model, [V, D] each in files. */
export interface Embeddings {
  readonly input: ParameterSpec;
  readonly output: ParameterSpec;
  /** Whether they are one parameter, which then has gradients from both ends. */
  readonly tied: boolean;
}

export function embeddings(config: ModelConfig): Embeddings {
  const specs = parameterSpecs(config), names = familyOf(config).embeddings(config);
  const find = (wanted: string) => specs.find(({ name }) => name === wanted)!;
  return {
    input: find(names.input),
    output: find(names.output),
    tied: names.input === names.output,
  };
}

/** Number of parameters of a model. */
export function parameterCount(config: ModelConfig): number {
  return parameterSpecs(config).reduce((count, { shape }) => count + sizeOf(shape), 0);
}

/**
 * Which parameters weight decay applies to. "matrices": the weights of linear layers and embeddings, but not biases and
 * norms, which are offsets and scales that decay distorts without regularizing anything. "all": every parameter, as in
 * LitGPT's pretraining (and so in the paper).
 */
export type DecayScope = "matrices" | "all";

export type GroupName = "decay" | "no_decay";

/**
 * Float32 storage for one number per parameter (the weights, their gradients, or a moment of the optimizer):
 * one flat array per weight-decay group, with a view for each tensor. An optimizer step over flat arrays is a few
 * passes, however many tensors there are. Workers share the memory.
 */
export class ParameterArrays {
  readonly groups: Readonly<Record<GroupName, Float32Array>>;
  readonly views: ReadonlyMap<string, Float32Array>;

  readonly #group_of: ReadonlyMap<string, GroupName>;

  constructor(readonly config: ModelConfig, readonly decay_scope: DecayScope) {
    const specs = parameterSpecs(config);
    this.#group_of = new Map(specs.map(({ name, shape }) => {
      return [name, decay_scope === "all" || shape.length > 1 ? "decay" : "no_decay"];
    }));
    const size = (group: GroupName) =>
      specs.filter(({ name }) => this.groupOf(name) === group)
        .reduce((n, { shape }) => n + sizeOf(shape), 0);
    this.groups = {
      decay: sharedFloats(size("decay")),
      no_decay: sharedFloats(size("no_decay")),
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

/** "family": as the family has it in transformers; "litgpt": as LitGPT, with which the paper pretrains. */
export type Initialization = "family" | "litgpt";

/**
 * Samples initial weights. Every tensor has its own random stream, named by (seed, "init/NAME", 0).
 *
 * In LitGPT matrices, embeddings included, are normal with deviation √(2 / (5 d)), d being the hidden size; those that add to
 * the residual stream have 1 / (√d L) in L layers.
 */
export function initialize(
  parameters: ParameterArrays,
  seed: number,
  initialization: Initialization = "family",
): void {
  const { hidden_size: d, num_hidden_layers: L } = parameters.config;
  for (const { name, initial } of parameterSpecs(parameters.config)) {
    const view = parameters.get(name);
    if ("value" in initial) {
      view.fill(initial.value);
      continue;
    }
    const litgpt = initial.is_residual ? 1 / (Math.sqrt(d) * L) : Math.sqrt(2 / (5 * d));
    const deviation = initialization === "litgpt" ? litgpt : initial.deviation;
    new Random(seed, `init/${name}`, 0).fillNormal(view, deviation);
  }
}

/** A model's weights where graphs can read them. */
export interface Weights {
  readonly config: ModelConfig;
  /** By Hugging Face name. */
  readonly feeds: Feeds;
  release(): void;
}

/** Weights for graphs on the CPU: the arrays themselves, not copies. */
export function hostWeights({ config, views }: ParameterArrays): Weights {
  return { config, feeds: Object.fromEntries(views), release: () => {} };
}

/** Copies weights to a device; on the CPU nothing is copied. */
export async function placeWeights(parameters: ParameterArrays, device: Device): Promise<Weights> {
  const { config } = parameters;
  if (device === "cpu") return hostWeights(parameters);
  const transfer = new Transfer(device);
  const tensors = await uploadAll(transfer, parameters);
  await transfer.release();
  return {
    config,
    feeds: Object.fromEntries(tensors),
    release: () => tensors.forEach((tensor) => tensor.release()),
  };
}

/** One device tensor for each parameter, by name. */
export async function uploadAll(
  transfer: Transfer,
  arrays: ParameterArrays,
): Promise<Map<string, DeviceTensor>> {
  const tensors = new Map<string, DeviceTensor>();
  for (const spec of parameterSpecs(arrays.config)) {
    const data = arrays.get(spec.name);
    const tensor = { data, dtype: "float32", shape: storedShape(spec) } as const;
    tensors.set(spec.name, await transfer.upload(tensor));
  }
  return tensors;
}

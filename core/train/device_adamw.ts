/**
 * AdamW on a device, a group of tensors at a time.
 *
 * @module
 */
import { type Compute, type DeviceTensor, type Session, SessionCache } from "../engine/mod.ts";
import { adamWTensors, type UpdatedTensor } from "../graph/mod.ts";
import type { ParameterArrays } from "../model/mod.ts";
import { clipFactor, type OptimizerConfig } from "./adamw.ts";

/** Device tensors by parameter name. */
export type DeviceTensors = Map<string, DeviceTensor>;

/** Weights, moments, and the steps taken. */
interface DeviceState {
  readonly param: DeviceTensors;
  readonly m: DeviceTensors;
  readonly v: DeviceTensors;
  steps: number;
}

interface Group {
  readonly names: readonly string[];
  readonly tensors: readonly UpdatedTensor[];
}

export class DeviceAdamW {
  readonly #groups: readonly Group[];
  /** Layers are alike and share one compiled graph. */
  readonly #sessions: SessionCache;

  constructor(
    parameters: ParameterArrays,
    readonly state: DeviceState,
    readonly config: OptimizerConfig,
    compute: Compute,
  ) {
    this.#sessions = new SessionCache(compute);
    const by_prefix = Map.groupBy(
      state.param.keys(),
      (name) => /^.*layers\.\d+/.exec(name)?.[0] ?? name,
    );
    this.#groups = [...by_prefix.values()].map((names) => ({
      names,
      tensors: names.map((name) => ({
        shape: state.param.get(name)!.shape,
        decays: parameters.groupOf(name) === "decay",
      })),
    }));
  }

  /**
   * Updates the weights.
   *
   * @param gradient `scale` times the gradient; the caller releases it.
   * @param options.grad_norm its global norm without the scale; finite.
   */
  async step(
    gradient: DeviceTensors,
    options: { learning_rate: number; grad_norm: number; scale: number },
  ): Promise<void> {
    const { learning_rate, grad_norm, scale } = options;
    const { weight_decay, max_grad_norm } = this.config;
    const t = this.state.steps + 1, clip = clipFactor(grad_norm, max_grad_norm) / scale;
    const scalars = {
      ...stepScalars(this.config, t, learning_rate, clip),
      weight_decay: Float32Array.of(weight_decay),
    };
    for (const group of this.#groups) await this.#update(group, gradient, scalars);
    this.state.steps = t;
  }

  async #update(
    { names, tensors }: Group,
    gradient: DeviceTensors,
    scalars: Record<string, Float32Array>,
  ): Promise<void> {
    const session = await this.#session(tensors);
    const sets = { param: this.state.param, grad: gradient, m: this.state.m, v: this.state.v };
    const feeds = Object.entries(sets).flatMap(([set, values]) =>
      names.map((name, i) => [`${i}.${set}`, values.get(name)!] as const)
    );
    const { kept } = await session.runKeeping({ ...scalars, ...Object.fromEntries(feeds) });
    for (const set of ["param", "m", "v"] as const) {
      names.forEach((name, i) => {
        this.state[set].get(name)!.release();
        this.state[set].set(name, kept.get(`${i}.${set}.next`)!);
      });
    }
  }

  #session(tensors: readonly UpdatedTensor[]): Promise<Session> {
    return this.#sessions.get(JSON.stringify(tensors), () => adamWTensors(tensors, this.config));
  }

  async release(): Promise<void> {
    await this.#sessions.release();
    for (const set of [this.state.param, this.state.m, this.state.v]) {
      for (const tensor of set.values()) tensor.release();
    }
  }
}

/** The scalars of AdamW's graph that change with step t, counted from 1. */
function stepScalars(
  { beta1, beta2 }: OptimizerConfig,
  t: number,
  learning_rate: number,
  clip: number,
): Record<string, Float32Array> {
  return {
    learning_rate: Float32Array.of(learning_rate),
    clip: Float32Array.of(clip),
    correction1: Float32Array.of(1 - beta1 ** t),
    correction2: Float32Array.of(1 - beta2 ** t),
  };
}

/**
 * Training on a device: weights, gradients and optimizer state stay there; only tokens are uploaded, only the loss and
 * the gradient's norm downloaded.
 *
 * @module
 */
import type { MicroBatch } from "../batches/mod.ts";
import { type Compute, type DeviceTensor, SessionCache, Transfer } from "../engine/mod.ts";
import { totalSquaresGraph } from "../graph/mod.ts";
import {
  type DecayScope,
  type ModelConfig,
  ParameterArrays,
  type TrainGraph,
  trainGraph,
  uploadAll,
  type Weights,
} from "../model/mod.ts";
import type { OptimizerConfig } from "./adamw.ts";
import { DeviceAdamW, type DeviceTensors } from "./device_adamw.ts";
import { LossScale } from "./loss_scale.ts";
import { checkIds } from "./token_check.ts";
import {
  batchFeeds,
  batchShape,
  NonFiniteError,
  type StepResult,
  type Trainer,
  type TrainingArrays,
} from "./trainer.ts";

export class DeviceTrainer implements Trainer {
  readonly #sessions: SessionCache;
  /** Names of gradients in each train graph. */
  readonly #gradients = new Map<string, TrainGraph["gradients"]>();
  readonly #transfer: Transfer;
  readonly #loss_scale: LossScale | undefined;

  private constructor(
    readonly config: ModelConfig,
    readonly decay_scope: DecayScope,
    readonly compute: Compute,
    readonly optimizer: DeviceAdamW,
    { loss_scale }: TrainingArrays,
  ) {
    this.#sessions = new SessionCache(compute);
    this.#transfer = new Transfer(compute.device);
    if (compute.precision === "float16") this.#loss_scale = new LossScale(loss_scale);
  }

  static async create(arrays: TrainingArrays, optimizer: OptimizerConfig, compute: Compute) {
    const { config, decay_scope } = arrays.parameters;
    const transfer = new Transfer(compute.device);
    const param = await uploadAll(transfer, arrays.parameters);
    const m = await uploadAll(transfer, arrays.m);
    const v = await uploadAll(transfer, arrays.v);
    await transfer.release();
    const state = { param, m, v, steps: arrays.steps };
    const adamw = new DeviceAdamW(arrays.parameters, state, optimizer, compute);
    return new DeviceTrainer(config, decay_scope, compute, adamw, arrays);
  }

  get weights(): Weights {
    const feeds = Object.fromEntries(this.optimizer.state.param);
    return { config: this.config, feeds, release: () => {} };
  }

  async step(micro_batches: readonly MicroBatch[], learning_rate: number): Promise<StepResult> {
    while (true) {
      const result = await this.#tryStep(micro_batches, learning_rate);
      if (result) return result;
    }
  }

  /** @returns undefined when the scaled gradient overflowed, so that a smaller scale has to be tried. */
  async #tryStep(
    micro_batches: readonly MicroBatch[],
    learning_rate: number,
  ): Promise<StepResult | undefined> {
    const scale = this.#loss_scale?.scale ?? 1;
    const { loss, gradient } = await this.#gradient(micro_batches, scale);
    try {
      const scaled_norm = await this.#norm(gradient);
      if (Number.isFinite(loss) && Number.isFinite(scaled_norm)) {
        const grad_norm = scaled_norm / scale;
        await this.optimizer.step(gradient, { learning_rate, grad_norm, scale });
        this.#loss_scale?.grow();
        return { loss, grad_norm };
      }
      if (this.#loss_scale?.shrink()) return undefined;
      throw NonFiniteError.atStep(this.optimizer.state.steps, loss);
    } finally {
      releaseAll(gradient);
    }
  }

  async gradient(micro_batches: readonly MicroBatch[]) {
    const { loss, gradient: tensors } = await this.#gradient(micro_batches, 1);
    const gradient = await this.#download(tensors);
    releaseAll(tensors);
    return { loss, gradient };
  }

  async arrays(): Promise<TrainingArrays> {
    const { param, m, v, steps } = this.optimizer.state;
    return {
      parameters: await this.#download(param),
      m: await this.#download(m),
      v: await this.#download(v),
      steps,
      loss_scale: this.#loss_scale?.state,
    };
  }

  async #download(tensors: DeviceTensors): Promise<ParameterArrays> {
    const arrays = new ParameterArrays(this.config, this.decay_scope);
    for (const [name, tensor] of tensors) {
      await this.#transfer.download(tensor, arrays.get(name));
    }
    return arrays;
  }

  /** The mean loss, and its gradient times `scale`. */
  async #gradient(micro_batches: readonly MicroBatch[], scale: number) {
    let loss = 0;
    let gradient: DeviceTensors = new Map();
    for (const batch of micro_batches) {
      checkIds(batch, this.config);
      const shape = batchShape(batch), accumulate = gradient.size > 0;
      const key = `train ${JSON.stringify(shape)} ${accumulate}`;
      const session = await this.#sessions.get(key, () => {
        const { graph, gradients } = trainGraph(this.config, shape, {
          accumulate,
          sparse_updates: true,
        });
        this.#gradients.set(key, gradients);
        return graph;
      });
      const gradients = this.#gradients.get(key)!;
      const before = [...gradient].map(([name, tensor]) => [gradients.get(name)!.input, tensor]);
      const loss_weights = batch.loss_weights.map((weight) => weight * scale);
      const { fetched, kept } = await session.runKeeping({
        ...this.weights.feeds,
        ...Object.fromEntries(before),
        ...batchFeeds({ ...batch, loss_weights }),
      }, ["loss"]);
      releaseAll(gradient);
      gradient = new Map(
        [...gradients].map(([name, { output }]) => [name, kept.get(output)!]),
      );
      loss += Number(fetched.loss[0]) / scale;
    }
    return { loss, gradient };
  }

  async #norm(gradient: DeviceTensors): Promise<number> {
    const session = await this.#sessions.get("norm", () => {
      return totalSquaresGraph(new Map([...gradient].map(([name, { shape }]) => [name, shape])));
    });
    const { sum_of_squares } = await session.run(Object.fromEntries(gradient));
    return Math.sqrt(Number(sum_of_squares[0]));
  }

  async release(): Promise<void> {
    await this.#sessions.release();
    await this.#transfer.release();
    await this.optimizer.release();
  }
}

function releaseAll(tensors: ReadonlyMap<string, DeviceTensor>): void {
  for (const tensor of tensors.values()) tensor.release();
}

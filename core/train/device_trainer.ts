/**
 * Training on a device: weights, gradients and optimizer state stay there, only tokens go up, and the loss and
 * the gradient's norm come down.
 *
 * @module
 */
import type { MicroBatch } from "../batches/mod.ts";
import { type Compute, type DeviceTensor, type Feeds, Session, Transfer } from "../engine/mod.ts";
import { totalSquaresGraph } from "../graph/mod.ts";
import {
  type DecayScope,
  type ModelConfig,
  ParameterArrays,
  trainGraph,
  uploadAll,
  type Weights,
} from "../model/mod.ts";
import type { TrainingArrays } from "./arrays.ts";
import { DeviceAdamW, type DeviceTensors } from "./device_adamw.ts";
import { NonFiniteError } from "./non_finite.ts";
import { LossScale } from "./loss_scale.ts";
import { batchFeeds, batchShape } from "./micro_batch.ts";
import type { OptimizerConfig } from "./optimizer.ts";
import type { StepResult, Trainer } from "./trainer.ts";

export class DeviceTrainer implements Trainer {
  readonly #sessions = new Map<string, Session>();
  readonly #transfer: Transfer;
  readonly #loss_scale: LossScale | undefined;

  private constructor(
    readonly config: ModelConfig,
    readonly decay_scope: DecayScope,
    readonly compute: Compute,
    readonly optimizer: DeviceAdamW,
    { loss_scale }: TrainingArrays,
  ) {
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

  /** @returns undefined when the scaled gradient overflowed, and a smaller scale is to be tried. */
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
      const what = Number.isFinite(loss) ? "gradient is not finite" : `loss is ${loss}`;
      const at = `at optimizer step ${this.optimizer.state.steps}`;
      throw new NonFiniteError(`the ${what} ${at}`);
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
      const shape = batchShape(batch);
      const accumulate = gradient.size > 0;
      const session = await this.#session(`train ${JSON.stringify(shape)} ${accumulate}`, () => {
        return trainGraph(this.config, shape, { accumulate, sparse_updates: true });
      });
      const { weights } = batch;
      const scaled = scale === 1 ? weights : weights.map((weight) => weight * scale);
      const before = [...gradient].map(([name, tensor]) => [`grad.${name}`, tensor]);
      const feeds: Feeds = { ...this.weights.feeds, ...Object.fromEntries(before) };
      const { fetched, kept } = await session.runKeeping(
        { ...feeds, ...batchFeeds(batch), weights: scaled },
        ["loss"],
      );
      releaseAll(gradient);
      gradient = new Map([...kept].map(([name, tensor]) => [parameterName(name), tensor]));
      loss += Number(fetched.loss[0]) / scale;
    }
    return { loss, gradient };
  }

  async #norm(gradient: DeviceTensors): Promise<number> {
    const session = await this.#session("norm", () => {
      return totalSquaresGraph(new Map([...gradient].map(([name, { shape }]) => [name, shape])));
    });
    const { sum_of_squares } = await session.run(Object.fromEntries(gradient));
    return Math.sqrt(Number(sum_of_squares[0]));
  }

  async #session(key: string, build: () => Parameters<typeof Session.create>[0]) {
    let session = this.#sessions.get(key);
    if (!session) {
      session = await Session.create(build(), this.compute);
      this.#sessions.set(key, session);
    }
    return session;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
    this.#sessions.clear();
    await this.#transfer.release();
    await this.optimizer.release();
  }
}

/** `grad.NAME.next` -> NAME */
function parameterName(output: string): string {
  return output.replace(/^grad\.(.*)\.next$/, "$1");
}

function releaseAll(tensors: ReadonlyMap<string, DeviceTensor>): void {
  for (const tensor of tensors.values()) tensor.release();
}

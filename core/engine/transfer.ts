/**
 * Copies between host memory and devices.
 *
 * A graph that only hands its input on is the one safe way: reading a device tensor's memory directly ends the
 * process (ONNX Runtime 1.30, WebGPU).
 *
 * @module
 */
import { type DType, Graph, type Shape } from "../graph/mod.ts";
import type { Device } from "./device.ts";
import { Session } from "./session.ts";
import type { DeviceTensor, TensorData } from "./tensor.ts";

/** An array with the shape and type it has as a tensor. */
export interface HostTensor {
  readonly data: TensorData;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Copies tensors to and from one device; one compiled graph per shape, tensor by tensor. */
export class Transfer {
  readonly #sessions = new Map<string, Promise<Session>>();

  constructor(readonly device: Device) {}

  /** @returns a tensor on the device, which the caller releases. */
  async upload({ data, dtype, shape }: HostTensor): Promise<DeviceTensor> {
    const session = await this.#session(dtype, shape);
    return (await session.runKeeping({ x: data })).kept.get("y")!;
  }

  /** Writes a tensor's content to an array. */
  async download(tensor: DeviceTensor, into: TensorData): Promise<void> {
    const session = await this.#session(tensor.dtype, tensor.shape);
    await session.run({ x: tensor }, { y: into });
  }

  #session(dtype: DType, shape: Shape): Promise<Session> {
    const key = `${dtype} ${shape.join("x")}`;
    let session = this.#sessions.get(key);
    if (!session) {
      const graph = new Graph();
      graph.output("y", graph.input("x", dtype, shape));
      session = Session.create(graph, { device: this.device, threads: 1 });
      this.#sessions.set(key, session);
    }
    return session;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
    this.#sessions.clear();
  }
}

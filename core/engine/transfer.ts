/**
 * Copies between host memory and devices.
 *
 * A graph that returns its input is the one safe way: reading a device tensor's memory directly crashes the process
 * (ONNX Runtime 1.30, WebGPU).
 *
 * @module
 */
import { type DType, Graph, type Shape } from "../graph/mod.ts";
import { SessionCache } from "./compile.ts";
import type { Device } from "./compute.ts";
import type { DeviceTensor, Session, TensorData } from "./session.ts";

/** An array with the shape and type it has as a tensor. */
export interface HostTensor {
  readonly data: TensorData;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Copies tensors to and from one device; one compiled graph per shape, tensor by tensor. */
export class Transfer {
  readonly #sessions: SessionCache;

  constructor(readonly device: Device) {
    this.#sessions = new SessionCache({ device, threads: 1 });
  }

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
    return this.#sessions.get(`${dtype} ${shape.join("x")}`, () => {
      const graph = new Graph();
      graph.output("y", graph.input("x", dtype, shape));
      return graph;
    });
  }

  release(): Promise<void> {
    return this.#sessions.release();
  }
}

/**
 * A compiled graph, whichever library runs it, and the tensors that go in and out.
 *
 * @module
 */
import {
  ARRAYS,
  type DType,
  formatShape,
  type Shape,
  sizeOf,
  type TensorData,
} from "../graph/mod.ts";
import type { Device } from "./compute.ts";

export type { TensorData };

/** A tensor in the memory of a device, made by `Session.runKeeping`. Its owner releases it. */
export class DeviceTensor {
  #handle: Deno.PointerValue;
  readonly #free: (handle: Deno.PointerValue) => void;

  constructor(
    handle: Deno.PointerValue,
    free: (handle: Deno.PointerValue) => void,
    readonly device: Device,
    readonly dtype: DType,
    readonly shape: Shape,
  ) {
    this.#handle = handle;
    this.#free = free;
  }

  get handle(): Deno.PointerValue {
    if (this.#handle === null) throw new Error("the device tensor was released");
    return this.#handle;
  }

  /** Frees the memory once everything that was queued before has run. */
  release(): void {
    if (this.#handle !== null) this.#free(this.#handle);
    this.#handle = null;
  }
}

export type Tensor = TensorData | DeviceTensor;

/** Tensors by name of the input they are fed to. */
export type Feeds = Readonly<Record<string, Tensor>>;

/**
 * A compiled graph. `run` blocks its thread while the library computes, so sessions belong in a worker wherever
 * something else has to stay responsive.
 */
export interface Session {
  /**
   * Runs the graph once.
   *
   * @param feeds every input by name; on the CPU arrays are read in place, not copied.
   * @param into memory for outputs to be written to; other outputs get new arrays. The same array may be fed and
   * written only where the graph allows it, as gradients that accumulate do.
   * @returns every output by name.
   * @throws {Error} when an input is missing, or a tensor has the wrong type or shape.
   */
  run(
    feeds: Feeds,
    into?: Readonly<Record<string, TensorData>>,
  ): Promise<Record<string, TensorData>>;

  /**
   * Runs the graph once and leaves outputs on the device. ONNX Runtime only.
   *
   * @param fetched names of the outputs to copy to host memory.
   * @returns those, and all others as tensors that the caller releases.
   */
  runKeeping(
    feeds: Feeds,
    fetched?: readonly string[],
  ): Promise<{ fetched: Record<string, TensorData>; kept: Map<string, DeviceTensor> }>;

  /** Frees the compiled graph; on a device once the tensors that it left there are released as well. */
  release(): Promise<void>;
}

/** An input or output of a graph. */
export class Binding {
  readonly dtype: DType;
  readonly shape: Shape;

  constructor(readonly name: string, { dtype, shape }: { dtype: DType; shape: Shape }) {
    this.dtype = dtype;
    this.shape = shape;
  }

  allocate(): TensorData {
    return new ARRAYS[this.dtype](sizeOf(this.shape));
  }

  /** @throws {Error} when a tensor does not have this type and size. */
  check<T extends Tensor>(tensor: T): T {
    const fits = tensor instanceof DeviceTensor
      ? tensor.dtype === this.dtype && tensor.shape.join() === this.shape.join()
      : tensor instanceof ARRAYS[this.dtype] && tensor.length === sizeOf(this.shape);
    if (fits) return tensor;
    const got = tensor instanceof DeviceTensor
      ? `${tensor.dtype} of shape ${formatShape(tensor.shape)} on the device`
      : `a ${tensor.constructor.name} of ${tensor.length} elements`;
    throw new Error(
      `"${this.name}" must be ${this.dtype} of shape ${formatShape(this.shape)}, got ${got}`,
    );
  }

  /** The tensor that is fed to this input. @throws {Error} when there is none, or it does not fit. */
  fed(feeds: Feeds): Tensor {
    const tensor = feeds[this.name];
    if (!tensor) throw new Error(`the graph's input "${this.name}" is not fed`);
    return this.check(tensor);
  }
}

/**
 * Tensors outside of a graph: arrays in host memory, and values that stay on a device.
 *
 * @module
 */
import { type DType, formatShape, type Shape, sizeOf } from "../graph/mod.ts";
import type { Device } from "./device.ts";
import { cString, type Handle, type OrtLibrary } from "./ort_library.ts";

/** Memory of one tensor; the array type follows the dtype. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array;

/** Array type and ONNXTensorElementDataType of each dtype. */
const DTYPES = {
  float32: { array: Float32Array, code: 1 },
  float64: { array: Float64Array, code: 11 },
  int32: { array: Int32Array, code: 6 },
  int64: { array: BigInt64Array, code: 7 },
} as const;

/** A tensor in the memory of a device, made by `Session.runKeeping`. Its owner releases it. */
export class DeviceTensor {
  #handle: Handle;
  readonly #free: (handle: Handle) => void;

  constructor(
    handle: Handle,
    free: (handle: Handle) => void,
    readonly device: Device,
    readonly dtype: DType,
    readonly shape: Shape,
  ) {
    this.#handle = handle;
    this.#free = free;
  }

  get handle(): Handle {
    if (this.#handle === null) throw new Error("the device tensor was released");
    return this.#handle;
  }

  /** Frees the memory once everything that was queued before has run. */
  release(): void {
    if (this.#handle !== null) this.#free(this.#handle);
    this.#handle = null;
  }
}

/** What a graph can be fed with. */
export type Tensor = TensorData | DeviceTensor;

/** An input or output of a graph, and how its memory is handed over. */
export class Binding {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly c_name: Uint8Array<ArrayBuffer>;
  readonly #dims: BigInt64Array<ArrayBuffer>;

  constructor(readonly name: string, { dtype, shape }: { dtype: DType; shape: Shape }) {
    this.dtype = dtype;
    this.shape = shape;
    this.c_name = cString(name);
    this.#dims = BigInt64Array.from(shape, BigInt);
  }

  allocate(): TensorData {
    return new DTYPES[this.dtype].array(sizeOf(this.shape));
  }

  /** @throws {Error} when a tensor is not of the binding's type and size. */
  check<T extends Tensor>(tensor: T): T {
    const fits = tensor instanceof DeviceTensor
      ? tensor.dtype === this.dtype && tensor.shape.join() === this.shape.join()
      : tensor instanceof DTYPES[this.dtype].array && tensor.length === sizeOf(this.shape);
    if (fits) return tensor;
    const got = tensor instanceof DeviceTensor
      ? `${tensor.dtype} of shape ${formatShape(tensor.shape)} on the device`
      : `a ${tensor.constructor.name} of ${tensor.length} elements`;
    throw new Error(
      `"${this.name}" must be ${this.dtype} of shape ${formatShape(this.shape)}, got ${got}`,
    );
  }

  /** A tensor of the library over the array's memory; to be released. */
  value(library: OrtLibrary, data: TensorData): Handle {
    return library.create(
      "CreateTensorWithDataAsOrtValue",
      library.cpu_memory,
      data as BufferSource,
      BigInt(data.byteLength),
      this.#dims,
      BigInt(this.#dims.length),
      DTYPES[this.dtype].code,
    );
  }
}

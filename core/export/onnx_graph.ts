/**
 * Writing ONNX graphs whose sizes are known only when they run: as many rows and tokens as are given.
 *
 * @module
 */
import { DATA_TYPE, type Dimension, Emitter, encodeModel, MICROSOFT } from "../graph/mod.ts";
import { type QuantizedWeight, quantizeRows, quantizeWeight, type WeightBits } from "./quantize.ts";

/** Opset 17 is the first with LayerNormalization; everything that runs ONNX in a browser knows it. */
const OPSETS = [{ domain: "", version: 17 }, { domain: MICROSOFT, version: 1 }];
const IR_VERSION = 8;

/** A matrix or vector of a model, row-major. */
export interface ExportTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

type ElementType = keyof typeof DATA_TYPE;

/** Nodes and weights of one model. Values are named by strings, as in the file. */
export class OnnxGraph {
  readonly #emit = new Emitter({});
  readonly #inputs: ReturnType<typeof valueInfo>[] = [];
  readonly #outputs: ReturnType<typeof valueInfo>[] = [];

  /**
   * @param weights by Hugging Face name; linear ones [out, in].
   * @param bits of the weights of linear layers and embeddings; 32 keeps them as they are.
   */
  constructor(
    readonly weights: ReadonlyMap<string, ExportTensor>,
    readonly bits: 32 | WeightBits = 32,
  ) {}

  /** Declares an input; dimensions that are names may be of any size. */
  input(name: string, type: ElementType, dims: readonly (number | string)[]): string {
    this.#inputs.push(valueInfo(name, type, dims));
    return name;
  }

  output(name: string, value: string, type: ElementType, dims: readonly (number | string)[]): void {
    this.#emit.op("Identity", [value], {}, name);
    this.#outputs.push(valueInfo(name, type, dims));
  }

  /** One operator with one output; returns its name. */
  op: Emitter["op"] = (...args) => this.#emit.op(...args);

  ints(values: readonly number[]): string {
    return this.#emit.ints(values);
  }

  float(value: number): string {
    return this.#emit.float(value, { dtype: "float32", shape: [] });
  }

  /** A constant of the graph. */
  constant(name: string, data: Float32Array, dims: readonly number[]): string {
    return this.#initializer(name, data, "float32", dims);
  }

  /** A weight as it is. */
  parameter(name: string): string {
    const { data, shape } = this.#weight(name);
    return this.constant(name, data, shape);
  }

  reshape(x: string, shape: readonly number[]): string {
    return this.op("Reshape", [x, this.ints(shape)]);
  }

  transpose(x: string, perm: readonly number[]): string {
    return this.op("Transpose", [x], { perm });
  }

  add(a: string, b: string): string {
    return this.op("Add", [a, b]);
  }

  mul(a: string, b: string): string {
    return this.op("Mul", [a, b]);
  }

  /** x Wᵀ + b, with W [out, in]; b is left out where the model has none. */
  linear(x: string, weight: string, bias?: string): string {
    const { bits } = this;
    const product = bits === 32 || !this.#worthQuantizing(weight)
      ? this.op("MatMul", [x, this.#transposed(weight)])
      : this.#quantizedProduct(x, weight, bits);
    return bias === undefined ? product : this.add(product, this.parameter(bias));
  }

  /** Rows of an embedding [V, D] by ids. */
  embed(weight: string, ids: string): string {
    if (this.bits === 32) return this.op("Gather", [this.parameter(weight), ids]);
    // Eight bits, one scale a row: four have no operator everywhere, and rows are only looked up.
    const { data, shape: [rows, width] } = this.#weight(weight);
    const { codes, scales } = quantizeRows(data, width);
    const table = this.#initializer(`${weight}.int8`, codes, "int8", [rows, width]);
    const scale = this.constant(`${weight}.scale`, scales, [rows, 1]);
    const to = { int: DATA_TYPE.float32 };
    const picked = this.op("Cast", [this.op("Gather", [table, ids])], { to });
    return this.mul(picked, this.op("Gather", [scale, ids]));
  }

  /** The file. */
  encode(name: string): Uint8Array {
    return encodeModel({
      ir_version: IR_VERSION,
      producer_name: "causeway",
      opset_import: OPSETS,
      graph: {
        name,
        node: this.#emit.nodes,
        initializer: [...this.#emit.initializers.values()],
        input: this.#inputs,
        output: this.#outputs,
      },
    });
  }

  #weight(name: string): ExportTensor {
    const found = this.weights.get(name);
    if (!found) throw new Error(`the model has no weight "${name}"`);
    return found;
  }

  /** Small ones gain nothing, and blocks must fill a row. */
  #worthQuantizing(name: string): boolean {
    const { shape: [, into] } = this.#weight(name);
    return into >= 32;
  }

  /** [in, out], which a MatMul takes as it is. */
  #transposed(name: string): string {
    const { data, shape: [out, into] } = this.#weight(name);
    const turned = new Float32Array(data.length);
    for (let o = 0; o < out; o++) {
      for (let i = 0; i < into; i++) turned[i * out + o] = data[o * into + i];
    }
    return this.constant(`${name}.transposed`, turned, [into, out]);
  }

  #quantizedProduct(x: string, name: string, bits: WeightBits): string {
    const { data, shape: [out, into] } = this.#weight(name);
    const { codes, scales, block_size, blocks }: QuantizedWeight = quantizeWeight(data, into, bits);
    const shape = [out, blocks, block_size * bits / 8];
    const inputs = [
      x,
      this.#initializer(`${name}.uint${bits}`, codes, "uint8", shape),
      this.constant(`${name}.scales`, scales, [out * blocks]),
    ];
    const attributes = {
      K: { int: into },
      N: { int: out },
      bits: { int: bits },
      block_size: { int: block_size },
    };
    return this.op("MatMulNBits", inputs, attributes, undefined, MICROSOFT);
  }

  #initializer(
    name: string,
    data: Float32Array | Uint8Array | Int8Array,
    type: ElementType,
    dims: readonly number[],
  ): string {
    const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const tensor = { name, dims: [...dims], data_type: DATA_TYPE[type], raw_data };
    this.#emit.initializers.set(name, tensor);
    return name;
  }
}

function valueInfo(name: string, type: ElementType, dims: readonly (number | string)[]) {
  const dim = dims.map((size): Dimension =>
    typeof size === "number" ? { dim_value: size } : { dim_param: size }
  );
  return { name, type: { tensor_type: { elem_type: DATA_TYPE[type], shape: { dim } } } };
}

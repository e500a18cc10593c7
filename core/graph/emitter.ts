/**
 * Collects the ONNX nodes and initializers that lowerings write, under unique names.
 *
 * @module
 */
import {
  attributeProto,
  type AttributeValue,
  DATA_TYPE,
  type NodeProto,
  type TensorProto,
} from "./onnx_schema.ts";
import type { Node, Value } from "./graph.ts";
import type { OpAttributes, OpName } from "./ops.ts";
import { type DType, dtypeOf, type Shape, type TensorData } from "./types.ts";

export const MICROSOFT = "com.microsoft";

/** Gives a constant its dtype. */
type Like = { readonly dtype: DType };

export interface LoweringOptions {
  /**
   * Whether operators may be used that WebGPU lacks or computes wrongly: FusedMatMul, which transposes and scales
   * while it multiplies, SimplifiedLayerNormalization with its statistic, and Split with many outputs. Default: true.
   */
  fused?: boolean;
  /**
   * Whether only standard operators of opset 17 are used (and MatMulNBits for quantized weights), as transformers.js
   * needs them. Default: false.
   */
  portable?: boolean;
  /**
   * Whether matrix products are computed in float16, as under torch.autocast: their operands and results are rounded
   * to it, everything else stays float32. Default: false.
   */
  half_products?: boolean;
}

/** Turns a node into ONNX nodes, given the names of its inputs and outputs. */
export type Lowering<Op extends OpName> = (
  node: Node<Op>,
  inputs: string[],
  outputs: string[],
  emit: Emitter,
) => void;

export class Emitter {
  readonly nodes: NodeProto[] = [];
  readonly initializers = new Map<string, TensorProto>();
  readonly #names = new Map<Value, string>();
  #temporaries = 0;
  readonly #shared = new Map<string, string>();

  constructor(readonly options: LoweringOptions) {}

  /** Gives a computed value the name of an output; false where it has one already, or is not computed. */
  rename(value: Value, name: string): boolean {
    if (this.#names.has(value) || !value.node) return false;
    this.#names.set(value, name);
    return true;
  }

  name(value: Value): string {
    return this.#names.get(value) ?? value.name;
  }

  /** A new name. */
  temporary(): string {
    return `t${++this.#temporaries}`;
  }

  /** Like {@linkcode op}, but an equal operator on equal inputs is emitted once. */
  shared(
    op_type: string,
    input: string[],
    attributes: Record<string, AttributeValue>,
    output?: string[],
  ): string {
    const key = JSON.stringify([op_type, input, attributes]);
    let name = this.#shared.get(key);
    if (name === undefined) {
      name = this.op(op_type, input, attributes, output);
      this.#shared.set(key, name);
    }
    return name;
  }

  /** Emits an operator and returns the name of its first output, a new one unless `output` gives it. */
  op(
    op_type: string,
    input: string[],
    attributes: Record<string, AttributeValue> = {},
    output: string | string[] = this.temporary(),
    domain = "",
  ): string {
    const outputs = typeof output === "string" ? [output] : output;
    const attribute = Object.entries(attributes).map(([name, v]) => attributeProto(name, v));
    this.nodes.push({
      op_type,
      input,
      output: outputs,
      name: `${op_type}_${this.nodes.length}`,
      domain,
      attribute,
    });
    return outputs[0];
  }

  /** Emits a matrix product, in float16 where the options say so. */
  product(
    op_type: string,
    inputs: string[],
    attributes: Record<string, AttributeValue>,
    output: string | undefined,
    domain = "",
  ): string {
    if (!this.options.half_products) return this.op(op_type, inputs, attributes, output, domain);
    const half = inputs.map((x) => this.op("Cast", [x], { to: { int: DATA_TYPE.float16 } }));
    const product = this.op(op_type, half, attributes, undefined, domain);
    return this.op("Cast", [product], { to: { int: DATA_TYPE.float32 } }, output);
  }

  /** An initializer. */
  tensor(name: string, data: TensorData | Int8Array | Uint8Array, dims: Shape): string {
    const dtype = data instanceof Int8Array
      ? "int8"
      : data instanceof Uint8Array
      ? "uint8"
      : dtypeOf(data);
    const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.initializers.set(name, { name, dims: [...dims], data_type: DATA_TYPE[dtype], raw_data });
    return name;
  }

  /** A constant in a dtype, shared between its uses. */
  constant(name: string, data: ArrayLike<number>, dims: Shape, { dtype }: Like): string {
    const typed = `${dtype}_${name}`;
    if (this.initializers.has(typed)) return typed;
    const array = dtype === "float64" ? Float64Array : Float32Array;
    return this.tensor(typed, array.from(data), dims);
  }

  /** A scalar of a dtype, shared between its uses. */
  float(value: number, like: Like): string {
    return this.constant(`${value}`, [value], [], like);
  }

  /** An int64 vector, shared between its uses: shapes and axes. */
  ints(values: readonly number[]): string {
    const name = `ints_${values.join("_")}`;
    if (this.initializers.has(name)) return name;
    return this.tensor(name, BigInt64Array.from(values, BigInt), [values.length]);
  }
}

/**
 * alpha · op(a) · op(b) over the last two axes. FusedMatMul transposes and scales while it multiplies; where it does
 * not exist (float64, WebGPU, portable models) these are operators of their own.
 *
 * @param ranks of a and b.
 */
export function batchedProduct(
  emit: Emitter,
  { dtype, ranks }: Like & { ranks: readonly number[] },
  names: readonly string[],
  { trans_a, trans_b, alpha }: OpAttributes["matmul"],
  output: string,
): void {
  const { portable = false, fused = !portable } = emit.options;
  if (fused && dtype === "float32") {
    const flags = { transA: { int: +trans_a }, transB: { int: +trans_b }, alpha };
    emit.product("FusedMatMul", [...names], flags, output, MICROSOFT);
    return;
  }
  const factors = ranks.map((rank, i) => {
    if (![trans_a, trans_b][i]) return names[i];
    const perm = Array.from({ length: rank }, (_, i) => i < rank - 2 ? i : 2 * rank - 3 - i);
    return emit.op("Transpose", [names[i]], { perm });
  });
  if (alpha === 1) emit.product("MatMul", factors, {}, output);
  else {
    const product = emit.product("MatMul", factors, {}, undefined);
    emit.op("Mul", [product, emit.float(alpha, { dtype })], {}, output);
  }
}

/**
 * What lowerings write to: ONNX nodes and initializers under unique names.
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
import type { OpAttributes, OpName } from "./ops.ts";
import type { ConstantData, Node, Shape, TensorType, Value } from "./types.ts";

export const MICROSOFT = "com.microsoft";

export interface LoweringOptions {
  /**
   * Whether operators may be used that WebGPU lacks or gets wrong: FusedMatMul, which transposes and scales while it
   * multiplies, and SimplifiedLayerNormalization with its statistic. Default: true.
   */
  fused?: boolean;
  /**
   * Whether matrix products are computed in float16, as under torch.autocast: their operands are rounded to it and
   * their results brought back, everything else stays float32. Default: false.
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

/** Collects ONNX nodes and initializers under unique names. */
export class Emitter {
  readonly nodes: NodeProto[] = [];
  readonly initializers = new Map<string, TensorProto>();
  readonly #names = new Map<Value, string>();
  #temporaries = 0;
  readonly #shared = new Map<string, string>();

  constructor(readonly options: LoweringOptions) {}

  rename(value: Value, name: string): boolean {
    if (this.#names.has(value) || !value.node) return false;
    this.#names.set(value, name);
    return true;
  }

  name(value: Value): string {
    return this.#names.get(value) ?? value.name;
  }

  /** A name of its own. */
  temporary(): string {
    return `t${++this.#temporaries}`;
  }

  /** As {@linkcode op}, but an equal operator on equal inputs is emitted once. */
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

  /** Emits an operator with one output; `output` names it, else it gets a name of its own. */
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

  tensor(name: string, data: ConstantData, dims: Shape): string {
    const dtype = data instanceof Float32Array
      ? "float32"
      : data instanceof Float64Array
      ? "float64"
      : data instanceof Int32Array
      ? "int32"
      : "int64";
    const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.initializers.set(name, { name, dims: [...dims], data_type: DATA_TYPE[dtype], raw_data });
    return name;
  }

  /** A constant in the dtype of `like`, shared between its uses. */
  constant(name: string, data: Float32Array, dims: Shape, like: TensorType): string {
    const typed = `${like.dtype}_${name}`;
    if (this.initializers.has(typed)) return typed;
    return this.tensor(typed, like.dtype === "float64" ? Float64Array.from(data) : data, dims);
  }

  /** An int64 vector, shared between its uses: shapes and axes. */
  ints(values: readonly number[]): string {
    const name = `ints_${values.join("_")}`;
    if (this.initializers.has(name)) return name;
    return this.tensor(name, BigInt64Array.from(values, BigInt), [values.length]);
  }

  /** A scalar of the dtype of `like`. */
  float(value: number, like: TensorType): string {
    const name = `${like.dtype}_${value}`;
    if (this.initializers.has(name)) return name;
    const data = like.dtype === "float64" ? Float64Array.of(value) : Float32Array.of(value);
    return this.tensor(name, data, []);
  }
}

/** FusedMatMul transposes while it multiplies; where it does not exist (float64, WebGPU) that takes steps. */
export function batchedProduct(
  emit: Emitter,
  inputs: readonly TensorType[],
  names: readonly string[],
  { trans_a, trans_b, alpha }: OpAttributes["matmul"],
  output: string,
): void {
  const { fused = true } = emit.options;
  if (fused && inputs[0].dtype === "float32") {
    const flags = { transA: { int: +trans_a }, transB: { int: +trans_b }, alpha };
    emit.product("FusedMatMul", [...names], flags, output, MICROSOFT);
    return;
  }
  const factors = inputs.map((x, i) => {
    if (![trans_a, trans_b][i]) return names[i];
    const rank = x.shape.length;
    const perm = x.shape.map((_, axis) => axis < rank - 2 ? axis : 2 * rank - 3 - axis);
    return emit.op("Transpose", [names[i]], { perm });
  });
  if (alpha === 1) emit.product("MatMul", factors, {}, output);
  else {
    const product = emit.product("MatMul", factors, {}, undefined);
    emit.op("Mul", [product, emit.float(alpha, inputs[0])], {}, output);
  }
}

/**
 * The context in which ops are lowered: where each value is stored, in which dtype, and the program that steps are added
 * to.
 *
 * @module
 */
import type { Graph, Node, TensorData, Value } from "../../graph/mod.ts";
import type { DnnlType } from "./library.ts";
import { bf16Values } from "./bf16_values.ts";
import type { HostArray, Program } from "./program.ts";
import { isDense, reshapeView, type View } from "./memory.ts";

/** Names of external memory. */
export const inputName = (name: string) => `in:${name}`;
export const outputName = (name: string) => `out:${name}`;

export class Lowering {
  readonly #views = new Map<Value, View>();
  readonly #casts = new Map<Value, View>();
  readonly #constants = new Map<string, View>();
  readonly #shared = new Map<string, View>();
  readonly #low: ReadonlySet<Value>;
  /** Where outputs of the graph, and the sums that lead to them, are written. */
  readonly #places = new Map<Value, View>();
  /** Inputs that an output is written over, by the output's name. */
  readonly aliases = new Map<string, string>();
  /** What a forward op keeps for its gradient, by its by-product value. */
  readonly by_products = new Map<Value, unknown>();

  /**
   * @param nodes those of the graph that are lowered, in order.
   * @param products dtype that matrix products are computed in.
   */
  constructor(
    readonly graph: Graph,
    readonly nodes: readonly Node[],
    readonly program: Program,
    readonly products: "float32" | "bfloat16",
  ) {
    this.#low = products === "bfloat16" ? bf16Values(graph, nodes) : new Set();
    for (const input of graph.inputs) {
      const dtype = input.dtype === "int32" ? "int32" : "float32";
      this.#views.set(input, program.external(inputName(input.name), input.shape, dtype));
    }
    for (const [name, value] of graph.outputs) {
      if (!value.node || this.#places.has(value)) continue;
      this.#places.set(value, program.external(outputName(name), value.shape, "float32"));
      this.#placeSums(name, value);
    }
  }

  /** A product that is added to a matrix is written over it; so are the products before it in such a chain. */
  #placeSums(name: string, value: Value): void {
    let { node } = value;
    while (node?.op === "gemm" && node.inputs[2]?.shape.length === 2) {
      const [, , sum] = node.inputs;
      this.#places.set(sum, this.#places.get(value)!);
      if (!sum.node) this.aliases.set(name, sum.name);
      node = sum.node;
    }
  }

  /** Where a value is stored. */
  view(value: Value): View {
    const view = this.#views.get(value);
    if (view) return view;
    const data = this.graph.constants.get(value);
    if (!data) throw new Error(`"${value.name}" is read before it is computed`);
    return this.constant(value.name, data as Float32Array, value.shape);
  }

  /** A constant; one of each name is kept. */
  constant(name: string, data: TensorData | Uint16Array, shape: readonly number[]): View {
    let view = this.#constants.get(name);
    if (!view) {
      const dtype = data instanceof Uint16Array
        ? "bfloat16"
        : data instanceof Int32Array
        ? "int32"
        : "float32";
      view = this.program.external(`constant:${name}`, shape, dtype);
      this.program.bind(`constant:${name}`, data as HostArray);
      this.#constants.set(name, view);
    }
    return view;
  }

  /** Data of a constant value; undefined for others. */
  constantData(value: Value): TensorData | undefined {
    return this.graph.constants.get(value);
  }

  /** A value in a dtype; converted once, however many ops read it. */
  as(value: Value, dtype: DnnlType): View {
    const view = this.view(value);
    if (view.dtype === dtype) return view;
    let cast = this.#casts.get(value);
    if (!cast) {
      cast = this.program.temporary(view.shape, dtype);
      this.program.copy(view, cast);
      this.#casts.set(value, cast);
    }
    return cast;
  }

  /** A value dense in a dtype. The strides of axes of length 1 are arbitrary, but the library reads them. */
  dense(value: Value, dtype: DnnlType): View {
    const view = this.as(value, dtype);
    return isDense(view) ? reshapeView(view, view.shape)! : this.copied(view, dtype);
  }

  /** A dense copy. */
  copied(view: View, dtype: DnnlType): View {
    const copy = this.program.temporary(view.shape, dtype);
    this.program.copy(view, copy);
    return copy;
  }

  /** A view that several ops read and the first of them makes, by a name. */
  shared(name: string, make: () => View): View {
    let view = this.#shared.get(name);
    if (!view) this.#shared.set(name, view = make());
    return view;
  }

  /** Records where a value is stored. */
  set(value: Value, view: View): void {
    const place = this.#places.get(value);
    if (place && place.slot !== view.slot) this.program.copy(view, place);
    this.#views.set(value, view);
  }

  /** The dtype in which a result is written. */
  dtypeOf(value: Value): "float32" | "bfloat16" {
    return this.#low.has(value) ? "bfloat16" : "float32";
  }

  /** Memory for the result of an op, recorded as where the value is stored. */
  place(value: Value, dtype: DnnlType = this.dtypeOf(value)): View {
    const view = this.#places.get(value) ?? this.program.temporary(value.shape, dtype);
    this.#views.set(value, view);
    return view;
  }
}

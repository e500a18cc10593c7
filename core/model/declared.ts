/**
 * The parameters of a model as inputs of a graph.
 *
 * @module
 */
import { gemm, type Graph, type Value } from "../graph/mod.ts";
import { type ParameterSpec, storedShape } from "./parameter_spec.ts";

/** Parameters, float32 in their shapes in memory, under their Hugging Face names. */
export class DeclaredParameters {
  readonly values: ReadonlyMap<string, Value>;
  readonly #specs: ReadonlyMap<string, ParameterSpec>;

  constructor(graph: Graph, specs: readonly ParameterSpec[]) {
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.values = new Map(
      specs.map((spec) => [spec.name, graph.input(spec.name, "float32", storedShape(spec))]),
    );
  }

  get(name: string): Value {
    const value = this.values.get(name);
    if (!value) throw new Error(`the model has no parameter "${name}"`);
    return value;
  }

  /** x Wᵀ + b with W [out, in], as PyTorch's Linear, however W is stored. */
  linear(x: Value, weight: string, bias?: string): Value {
    const trans_b = !this.#specs.get(weight)!.transposed;
    return gemm(x, this.get(weight), { trans_b, c: bias ? this.get(bias) : undefined });
  }
}

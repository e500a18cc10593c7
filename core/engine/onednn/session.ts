/**
 * Graphs run by oneDNN, on the CPU, with matrix products in float32 or bfloat16.
 *
 * @module
 */
import { type Graph, liveNodes } from "../../graph/mod.ts";
import type { Feeds } from "../session.ts";
import { Binding, type TensorData } from "../tensor.ts";
import { openOneDnn } from "./find.ts";
import { inputName, Lowering, outputName } from "./lowering.ts";
import { lowerNode } from "./ops.ts";
import { type HostArray, Program } from "./program.ts";

export interface OneDnnOptions {
  /** OpenMP threads. */
  threads: number;
  /** Dtype that matrix products are computed in; sums are float32 in any case. */
  products: "float32" | "bfloat16";
}

/** A compiled graph with the interface of {@linkcode Session}. */
export class OneDnnSession {
  readonly #program: Program;
  readonly #inputs: Binding[];
  readonly #outputs: Binding[];
  readonly #aliases: ReadonlyMap<string, string>;

  private constructor(graph: Graph, readonly options: OneDnnOptions) {
    this.#program = new Program(openOneDnn());
    if (options.products === "bfloat16" && !this.#program.library.has_bfloat16) {
      throw new Error(
        "this processor has no bfloat16 (AVX512_BF16 or AMX), and emulating it is slower than float32; " +
          'choose precision "float32"',
      );
    }
    // Primitives share their work out when they are made, too.
    this.#program.library.useThreads(options.threads);
    const nodes = liveNodes(graph);
    const lowering = new Lowering(graph, nodes, this.#program, options.products);
    for (const node of nodes) lowerNode(node, lowering);
    this.#program.finish();
    this.#aliases = lowering.aliases;
    this.#inputs = graph.inputs.map((input) => new Binding(input.name, input));
    this.#outputs = [...graph.outputs].map(([name, value]) => new Binding(name, value));
  }

  /**
   * Compiles a graph.
   *
   * @throws {OneDnnUnavailable}
   * @throws {Error} naming an op that oneDNN does not compute.
   */
  static create(graph: Graph, options: OneDnnOptions): Promise<OneDnnSession> {
    return new Promise((resolve) => resolve(new OneDnnSession(graph, options)));
  }

  /** As the `run` of {@linkcode Session}. */
  run(
    feeds: Feeds,
    into: Readonly<Record<string, TensorData>> = {},
  ): Promise<Record<string, TensorData>> {
    return new Promise((resolve) => {
      const program = this.#program;
      program.library.useThreads(this.options.threads);
      for (const binding of this.#inputs) {
        const tensor = feeds[binding.name];
        if (!tensor) throw new Error(`the graph's input "${binding.name}" is not fed`);
        program.bind(inputName(binding.name), binding.check(tensor) as HostArray);
      }
      const results = this.#outputs.map((binding) => {
        const { name } = binding;
        const array = binding.check(into[name] ?? binding.allocate());
        const source = this.#aliases.get(name);
        if (source && feeds[source] !== array) {
          (array as Float32Array).set(feeds[source] as Float32Array);
        }
        program.bind(outputName(name), array as HostArray);
        return [name, array] as const;
      });
      program.run();
      resolve(Object.fromEntries(results));
    });
  }

  release(): Promise<void> {
    this.#program.release();
    return Promise.resolve();
  }
}

/**
 * Graphs run by oneDNN, on the CPU, with matrix products in float32 or bfloat16.
 *
 * @module
 */
import { type Graph, liveNodes } from "../../graph/mod.ts";
import { Binding, type Feeds, type Session, type TensorData } from "../session.ts";
import { openOneDnn } from "./library.ts";
import { inputName, Lowering, outputName } from "./lowering.ts";
import { lowerNode } from "./ops.ts";
import { type HostArray, Program } from "./program.ts";

interface OneDnnOptions {
  /** OpenMP threads. */
  threads: number;
  /** Dtype that matrix products are computed in; sums are always float32. */
  precision: "float32" | "bfloat16";
}

export class OneDnnSession implements Session {
  readonly #program: Program;
  readonly #inputs: Binding[];
  readonly #outputs: Binding[];
  readonly #aliases: ReadonlyMap<string, string>;

  /**
   * @throws {OneDnnUnavailable}
   * @throws {Error} naming an op that oneDNN has no lowering for, or when the processor has no bfloat16.
   */
  constructor(graph: Graph, readonly options: OneDnnOptions) {
    this.#program = new Program(openOneDnn());
    if (options.precision === "bfloat16" && !this.#program.library.has_bfloat16) {
      throw new Error(
        "this processor has no bfloat16 (AVX512_BF16 or AMX), and emulating it is slower than float32; " +
          'choose precision "float32"',
      );
    }
    // Primitives are split over threads when they are created, so the count is set before.
    this.#program.library.useThreads(options.threads);
    const nodes = liveNodes(graph);
    const lowering = new Lowering(graph, nodes, this.#program, options.precision);
    for (const node of nodes) lowerNode(node, lowering);
    this.#program.finish();
    this.#aliases = lowering.aliases;
    this.#inputs = graph.inputs.map((input) => new Binding(input.name, input));
    this.#outputs = [...graph.outputs].map(([name, value]) => new Binding(name, value));
  }

  run(
    feeds: Feeds,
    into: Readonly<Record<string, TensorData>> = {},
  ): Promise<Record<string, TensorData>> {
    return new Promise((resolve) => {
      const program = this.#program;
      program.library.useThreads(this.options.threads);
      for (const binding of this.#inputs) {
        program.bind(inputName(binding.name), binding.fed(feeds) as HostArray);
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

  runKeeping(): Promise<never> {
    return Promise.reject(new Error("oneDNN computes in host memory; use run"));
  }

  release(): Promise<void> {
    this.#program.release();
    return Promise.resolve();
  }
}

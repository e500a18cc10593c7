/**
 * Matrix products of feature matrices, for analyses.
 *
 * @module
 */
import { Graph, matmul } from "../graph/mod.ts";
import { SessionCache } from "./compile.ts";
import type { SessionOptions } from "./compute.ts";

/** XᵀY on ONNX Runtime, compiled once for each pair of widths and number of rows. */
export class CrossProducts {
  readonly #sessions: SessionCache;

  /** Products are float32, whatever the precision of the models. */
  constructor({ threads, device }: SessionOptions) {
    this.#sessions = new SessionCache({ threads, device });
  }

  /**
   * @param x float32 [rows, x.length / rows], row-major.
   * @param y float32 [rows, y.length / rows], row-major.
   * @returns XᵀY, float32 [x.length / rows, y.length / rows].
   */
  async compute(x: Float32Array, y: Float32Array, rows: number): Promise<Float32Array> {
    const [width_x, width_y] = [x, y].map(({ length }) => length / rows);
    const session = await this.#sessions.get(`${rows} ${width_x} ${width_y}`, () => {
      const graph = new Graph();
      const x = graph.input("x", "float32", [rows, width_x]);
      const y = graph.input("y", "float32", [rows, width_y]);
      graph.output("product", matmul(x, y, { trans_a: true }));
      return graph;
    });
    return (await session.run({ x, y })).product as Float32Array;
  }

  release(): Promise<void> {
    return this.#sessions.release();
  }
}

/**
 * Matrix products of feature matrices, for analyses.
 *
 * @module
 */
import { Graph, matmul } from "../graph/mod.ts";
import type { SessionOptions } from "./compute.ts";
import { Session } from "./session.ts";

/** XᵀY on ONNX Runtime, compiled once for each pair of widths and number of rows. */
export class CrossProducts {
  readonly #sessions = new Map<string, Promise<Session>>();

  constructor(readonly options: SessionOptions) {}

  /**
   * @param x float32 [rows, x.length / rows], row-major.
   * @param y float32 [rows, y.length / rows], row-major.
   * @returns XᵀY, float32 [x.length / rows, y.length / rows].
   */
  async compute(x: Float32Array, y: Float32Array, rows: number): Promise<Float32Array> {
    const widths = [x.length / rows, y.length / rows] as const;
    const session = await this.#session(rows, ...widths);
    return (await session.run({ x, y })).product as Float32Array;
  }

  #session(rows: number, width_x: number, width_y: number): Promise<Session> {
    const key = `${rows} ${width_x} ${width_y}`;
    let session = this.#sessions.get(key);
    if (!session) {
      const graph = new Graph();
      const x = graph.input("x", "float32", [rows, width_x]);
      const y = graph.input("y", "float32", [rows, width_y]);
      graph.output("product", matmul(x, y, { trans_a: true }));
      session = Session.create(graph, {
        threads: this.options.threads,
        device: this.options.device,
      });
      this.#sessions.set(key, session);
    }
    return session;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
    this.#sessions.clear();
  }
}

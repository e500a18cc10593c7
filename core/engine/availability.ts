/**
 * Whether this machine can compute as a config says: what is found out before a run, and by tests.
 *
 * @module
 */
import { Graph, mul } from "../graph/mod.ts";
import { compile } from "./compile.ts";
import { type Compute, computeOptions, type SessionOptions } from "./compute.ts";

/** The part of a config that decides what the machine must have. */
export type ComputeNeeds = Pick<Compute, "device" | "precision" | "kernels">;

/**
 * What a config needs of the machine, as a stage's `requires` says it.
 *
 * @throws {Error} when the fields contradict each other, see {@linkcode computeOptions}.
 */
export function computeNeeds(config: SessionOptions): ComputeNeeds {
  const { device, precision, kernels } = computeOptions(config);
  return { device, precision, kernels };
}

/**
 * Why this machine cannot compute so; undefined if it can. A product of two numbers is computed to find out.
 */
export async function computeProblem(needs: ComputeNeeds): Promise<string | undefined> {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1]);
  graph.output("y", mul(x, x));
  try {
    const session = await compile(graph, { ...needs, threads: 1 });
    try {
      await session.run({ x: Float32Array.of(2) });
    } finally {
      await session.release();
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * A quick measurement of this machine: the speed of matrix products.
 *
 * @module
 */
import {
  compile,
  type Device,
  type Kernels,
  type SessionOptions,
  type Tensor,
  Transfer,
} from "../../engine/mod.ts";
import { gather, gemm, Graph } from "../../graph/mod.ts";
import type { ComputeForecast } from "../../stage/mod.ts";

/** Rows beyond these change the speed no more. */
const MAX_ROWS = 256;
/** A run takes this many FLOPs, so that starting it costs next to nothing. */
const FLOPS_PER_RUN = 1e9;
/** More products than these take longer to compile than to run. */
const MAX_PAIRS = 64;
const MILLISECONDS = 250;

/**
 * FLOP/s of the products that stand for a step's: [rows, width] · [width, columns] and back, one after the other.
 * Training does other things as well, so its speed is below.
 *
 * @throws {Error} when the device or library is not on this machine.
 */
export async function measureProducts(compute: ComputeForecast): Promise<number> {
  const { width, columns } = compute.product;
  const rows = Math.min(MAX_ROWS, compute.product.rows);
  const pairs = Math.min(MAX_PAIRS, Math.ceil(FLOPS_PER_RUN / (4 * rows * width * columns)));
  const graph = new Graph();
  const x = graph.input("x", "float32", [rows, width]);
  const weight = graph.input("weight", "float32", [width, columns]);
  let y = x;
  for (let i = 0; i < pairs; i++) y = gemm(gemm(y, weight), weight, { trans_b: true });
  graph.output("row", gather(y, graph.constant(Int32Array.of(0), [1])));
  const seconds = await fastestRun(graph, compute, {
    x: { data: new Float32Array(rows * width).fill(0.5), shape: [rows, width] },
    // Small enough that a chain of products stays finite.
    weight: {
      data: new Float32Array(width * columns).map((_, i) => (i % 7 - 3) / width),
      shape: [width, columns],
    },
  });
  return pairs * 4 * rows * width * columns / seconds;
}

interface Matrix {
  data: Float32Array;
  shape: number[];
}

async function fastestRun(
  graph: Graph,
  { device, kernels, precision, threads }: ComputeForecast,
  inputs: Record<string, Matrix>,
): Promise<number> {
  const options = { device, kernels, precision, threads } as SessionOptions & {
    device: Device;
    kernels: Kernels;
  };
  const session = await compile(graph, options);
  const transfer = device === "cpu" ? undefined : new Transfer(options.device);
  const feeds: Record<string, Tensor> = {};
  for (const [name, { data, shape }] of Object.entries(inputs)) {
    feeds[name] = transfer ? await transfer.upload({ data, dtype: "float32", shape }) : data;
  }
  let fastest = Infinity;
  // The first run makes memory and is not counted.
  for (
    let run = 0, began = performance.now();
    run < 2 || performance.now() - began < MILLISECONDS;
    run++
  ) {
    const start = performance.now();
    await session.run(feeds as never);
    if (run > 0) fastest = Math.min(fastest, (performance.now() - start) / 1000);
  }
  for (const feed of Object.values(feeds)) if ("release" in feed) feed.release();
  await transfer?.release();
  await session.release();
  return fastest;
}

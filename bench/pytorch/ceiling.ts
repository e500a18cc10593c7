/**
 * The Gemm ceiling: how fast ONNX Runtime's Gemm alone computes the products of a model's linear layers. A child
 * process of the benchmark.
 *
 * Each product is timed on all rows of the batch and on an eighth of them, with the weight stored as [out, in] and
 * as [in, out], and the fastest counts: a step may compute in chunks that stay in the cache, and store its weights
 * either way.
 *
 * @module
 */
import { compile, type TensorData } from "@causeway/core/engine";
import { gather, gemm, Graph } from "@causeway/core/graph";
import { linearProducts, type Passes, type Product, productFlops } from "@causeway/core/model";
import { serveRequests } from "../shared/processes.ts";
import type { Size } from "../shared/workload.ts";

/** A graph repeats a product up to this many FLOPs, so that the cost of starting a run is negligible. */
const FLOPS_PER_RUN = 1e9;
/** A product is timed repeatedly up to this many FLOPs, and the fastest time counts. */
const FLOPS_PER_TIMING = 4e9;

interface Gemm {
  readonly product: Product;
  /** FLOPs of one run. */
  readonly flops: number;
  run(): Promise<unknown>;
}

/** The variants of each product; the fastest counts. */
let products: Gemm[][] = [];

/**
 * Compiles a graph of equal products of different matrices. Only one row of each is an output, because copying whole
 * results out of the graph would take time that is not Gemm's.
 */
async function compileProduct(product: Product, threads: number): Promise<Gemm> {
  const { m, k, n, trans_a, trans_b } = product;
  const copies = Math.ceil(FLOPS_PER_RUN / productFlops(product));
  const graph = new Graph();
  const a = graph.input("a", "float32", trans_a ? [k, m] : [m, k]);
  const first_row = graph.constant(Int32Array.of(0), [1]);
  for (let i = 0; i < copies; i++) {
    const b = graph.input(`b${i}`, "float32", trans_b ? [n, k] : [k, n]);
    graph.output(`row${i}`, gather(gemm(a, b, { trans_a, trans_b }), first_row));
  }
  const session = await compile(graph, { threads });
  const run = () => {
    const feeds: Record<string, TensorData> = { a: matrix("a", m * k) };
    for (let i = 0; i < copies; i++) feeds[`b${i}`] = matrix(`b${i}`, k * n);
    return session.run(feeds);
  };
  return { product, flops: copies * productFlops(product), run };
}

const matrices = new Map<string, Float32Array>();

/** Memory shared by all products; grows to the largest. */
function matrix(name: string, length: number): Float32Array {
  let data = matrices.get(name);
  if (!data || data.length < length) {
    data = new Float32Array(length).map((_, i) => (i % 7 - 3) / 100);
    matrices.set(name, data);
  }
  return data.subarray(0, length);
}

/** Other ways to compute the product. Products with trans_a are gradients of weights, summed over the rows. */
function variantsOf(product: Product): Product[] {
  const { m, k, n, trans_a, trans_b } = product;
  const transposed = trans_a
    ? { ...product, m: n, n: m } // xᵀ dy instead of dyᵀ x
    : { ...product, trans_b: !trans_b };
  return [product, transposed].flatMap((product) => [
    product,
    trans_a ? { ...product, k: k / 8 } : { ...product, m: m / 8 },
  ]);
}

/** Seconds per FLOP. */
async function cost({ flops, run }: Gemm): Promise<number> {
  let fastest = Infinity;
  for (let timed = 0; timed < FLOPS_PER_TIMING; timed += flops) {
    const start = performance.now();
    await run();
    fastest = Math.min(fastest, performance.now() - start);
  }
  return fastest / 1000 / flops;
}

await serveRequests({
  async prepare({ size, passes, threads }: { size: Size; passes: Passes; threads: number }) {
    products = [];
    for (const product of linearProducts(size.config, size, passes)) {
      const variants = variantsOf(product);
      products.push(await Promise.all(variants.map((variant) => compileProduct(variant, threads))));
    }
    for (const { run } of products.flat()) await run();
    return {};
  },

  /** FLOP/s over all products, weighted by their number in a pass. */
  async rate() {
    let flops = 0, seconds = 0;
    for (const variants of products) {
      let fastest = Infinity;
      for (const gemm of variants) fastest = Math.min(fastest, await cost(gemm));
      const [{ product }] = variants;
      flops += product.count * productFlops(product);
      seconds += product.count * productFlops(product) * fastest;
    }
    return { rate: flops / seconds };
  },
});

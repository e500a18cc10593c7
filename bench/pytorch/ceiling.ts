/**
 * The Gemm ceiling: how fast Gemm alone computes the products of a model's linear layers, in float32 by ONNX Runtime or
 * in bfloat16 by oneDNN. A child process of the benchmark.
 *
 * Each product is timed on all rows of the batch and on an eighth of them, with the weight stored as [out, in] and
 * as [in, out], and the fastest counts: a step may compute in chunks that stay in the cache, and store its weights
 * either way.
 *
 * @module
 */
import { compile, openOneDnn, Program, type TensorData } from "@causeway/core/engine";
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

type Precision = "float32" | "bfloat16";

/** The variants of each product; the fastest counts. */
const products: Record<Precision, Gemm[][]> = { float32: [], bfloat16: [] };

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

/**
 * Equal products of different matrices that are in bfloat16 already. Gradients of weights, the products with trans_a, are
 * float32 as in training.
 */
function bfloat16Product(product: Product, threads: number): Gemm {
  const { m, k, n, trans_a, trans_b } = product;
  const copies = Math.ceil(FLOPS_PER_RUN / productFlops(product));
  const library = openOneDnn(), program = new Program(library);
  library.useThreads(threads);
  const operand = (name: string, rows: number, columns: number, transposed: boolean) => {
    const view = program.external(name, transposed ? [columns, rows] : [rows, columns], "bfloat16");
    const bits = new Uint16Array(rows * columns).fill(ONE);
    program.bind(name, bits);
    if (!transposed) return view;
    return { ...view, shape: view.shape.toReversed(), strides: view.strides.toReversed() };
  };
  const a = operand("a", m, k, trans_a);
  for (let i = 0; i < copies; i++) {
    const result = program.temporary([m, n], trans_a ? "float32" : "bfloat16");
    program.matmul(a, operand(`b${i}`, k, n, trans_b), result);
  }
  program.finish();
  const run = () => {
    library.useThreads(threads);
    program.run();
    return Promise.resolve();
  };
  return { product, flops: copies * productFlops(product), run };
}

/** 1 in bfloat16. */
const ONE = 0x3f80;

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

interface Setting {
  size: Size;
  passes: Passes;
  threads: number;
  precisions: readonly Precision[];
}

await serveRequests({
  async prepare({ size, passes, threads, precisions }: Setting) {
    for (const precision of precisions) {
      const make = precision === "float32" ? compileProduct : bfloat16Product;
      for (const product of linearProducts(size.config, size, passes)) {
        const variants = variantsOf(product).map((variant) => make(variant, threads));
        products[precision].push(await Promise.all(variants));
      }
      for (const { run } of products[precision].flat()) await run();
    }
    return {};
  },

  /** FLOP/s over all products, weighted by their number in a pass. */
  async rate({ precision }: { precision: Precision }) {
    let flops = 0, seconds = 0;
    for (const variants of products[precision]) {
      let fastest = Infinity;
      for (const gemm of variants) fastest = Math.min(fastest, await cost(gemm));
      const [{ product }] = variants;
      flops += product.count * productFlops(product);
      seconds += product.count * productFlops(product) * fastest;
    }
    return { rate: flops / seconds };
  },
});

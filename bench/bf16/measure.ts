/**
 * Times of matrix products and conversions: ONNX Runtime's Gemm, oneDNN in float32, oneDNN in bfloat16.
 *
 * @module
 */
import { Session } from "../../core/engine/mod.ts";
import { gemm, Graph } from "../../core/graph/mod.ts";
import { Random } from "../../core/random/mod.ts";
import type { Dnnl, DnnlType, Matrix } from "./dnnl.ts";
import type { Linear, LinearProduct, MatrixName } from "./products.ts";

/** Seconds of one product, and the kernel that computed it. */
export interface ProductTimes {
  readonly linear: Linear;
  readonly product: LinearProduct;
  readonly flops: number;
  readonly ort_s: number;
  readonly f32_s: number;
  readonly bf16_s: number;
  readonly kernel: string;
}

/** Seconds of bringing the matrices that products read from float32 to bfloat16, once each. */
export interface ConversionTimes {
  readonly linear: Linear;
  readonly x_s: number;
  readonly d_y_s: number;
  readonly w_s: number;
}

/** Everything is timed for so long, and this often at least; the fastest counts. */
const SECONDS = 0.1, REPEATS = 3;
/** Threads that spin after their last work fall asleep. */
const SETTLE_MS = 30;
/** Numbers before the random ones repeat; prime, so that no two rows of a matrix are alike. */
const PERIOD = 65537;
/** Largest difference from ONNX Runtime's result, in standard deviations of it; bfloat16 has 8 bits of precision. */
const TOLERANCE = { f32: 1e-3, bf16: 3e-2 };

const random = new Random(1, "bench/bf16", 0).fillNormal(new Float32Array(PERIOD));

const buffers = new Map<string, Float32Array<ArrayBuffer>>();

/** Memory that all layers share, filled with random numbers. */
function buffer(name: string, [rows, columns]: readonly [number, number]) {
  const length = rows * columns;
  let data = buffers.get(name);
  if (!data || data.length < length) {
    data = new Float32Array(length);
    for (let i = 0; i < length; i += PERIOD) data.set(random.subarray(0, length - i), i);
    buffers.set(name, data);
  }
  return data.subarray(0, length);
}

/** Seconds, the fastest of several. */
async function fastest(run: () => unknown): Promise<number> {
  await run();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  let best = Infinity, total = 0;
  for (let i = 0; i < REPEATS || total < SECONDS; i++) {
    const start = performance.now();
    await run();
    const seconds = (performance.now() - start) / 1000;
    best = Math.min(best, seconds);
    total += seconds;
  }
  return best;
}

/**
 * Times one product of a layer.
 *
 * @throws {Error} when oneDNN's result is not ONNX Runtime's.
 */
export async function timeProduct(
  dnnl: Dnnl,
  linear: Linear,
  product: LinearProduct,
  threads: number,
): Promise<ProductTimes> {
  const { shapes } = linear;
  const { a, b, result, trans_a, trans_b } = product;
  const [m, n] = shapes[result], k = shapes[a][trans_a ? 0 : 1];
  const data = (name: MatrixName) => buffer(name, shapes[name]);
  const ort = await ortGemm(linear, product, threads);
  const expected = buffer("expected", shapes[result]);
  const ort_s = await fastest(() => ort.run({ a: data(a), b: data(b) }, { result: expected }));
  await ort.release();
  const dnnlProduct = (dtype: DnnlType) => {
    const factor = (name: MatrixName, shape: [number, number], transposed: boolean) => {
      const float32 = dnnl.matrix("f32", shape, transposed, data(name));
      return dtype === "f32" ? float32 : inBf16(dnnl, float32, shape, transposed);
    };
    const dst = dnnl.matrix("f32", [m, n], false, data(result));
    return dnnl.matmul(factor(a, [m, k], trans_a), factor(b, [k, n], trans_b), dst);
  };
  const timeDnnl = async (dtype: DnnlType) => {
    const operation = dnnlProduct(dtype);
    const seconds = await fastest(operation.run);
    check(expected, data(result), TOLERANCE[dtype], `${linear.name}, ${product.name}, ${dtype}`);
    return { seconds, kernel: operation.kernel };
  };
  const f32 = await timeDnnl("f32"), bf16 = await timeDnnl("bf16");
  return {
    linear,
    product,
    flops: 2 * m * n * k,
    ort_s,
    f32_s: f32.seconds,
    bf16_s: bf16.seconds,
    kernel: bf16.kernel,
  };
}

function ortGemm({ shapes }: Linear, product: LinearProduct, threads: number): Promise<Session> {
  const { a, b, trans_a, trans_b } = product;
  const graph = new Graph();
  const factors = [graph.input("a", "float32", shapes[a]), graph.input("b", "float32", shapes[b])];
  graph.output("result", gemm(factors[0], factors[1], { trans_a, trans_b }));
  return Session.create(graph, { threads });
}

/** A copy in the same layout. */
function inBf16(dnnl: Dnnl, matrix: Matrix, shape: [number, number], transposed: boolean): Matrix {
  const copy = dnnl.matrix("bf16", shape, transposed);
  dnnl.reorder(matrix, copy).run();
  return copy;
}

/** Compares a part of the numbers, from all over the matrices. */
function check(expected: Float32Array, actual: Float32Array, tolerance: number, what: string) {
  let largest = 0, squares = 0, compared = 0;
  for (let i = 0; i < expected.length; i += 101, compared++) {
    largest = Math.max(largest, Math.abs(expected[i] - actual[i]));
    squares += expected[i] ** 2;
  }
  const deviations = largest / Math.sqrt(squares / compared);
  if (!(deviations <= tolerance)) {
    throw new Error(`${what}: oneDNN's result is ${deviations} deviations from ONNX Runtime's`);
  }
}

/** Times the conversions to bfloat16 that the products of a layer need. */
export async function timeConversions(dnnl: Dnnl, linear: Linear): Promise<ConversionTimes> {
  const convert = (name: MatrixName) => {
    const shape = linear.shapes[name];
    const from = dnnl.matrix("f32", shape, false, buffer(name, shape));
    return fastest(dnnl.reorder(from, dnnl.matrix("bf16", shape)).run);
  };
  return { linear, x_s: await convert("x"), d_y_s: await convert("d_y"), w_s: await convert("w") };
}

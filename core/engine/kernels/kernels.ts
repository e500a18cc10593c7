/**
 * Elementwise kernels on the CPU: AdamW's update, the sum of squares, and the sum of two arrays, in place.
 *
 * They run in the calling thread, as WebAssembly (`kernels.wat`), in one pass through memory; arrays that are not from
 * `sharedFloats` take the loops in TypeScript below, which give the same bits.
 *
 * @module
 */
import { KERNELS_WASM } from "./kernels_wasm.ts";

/** The arrays of a part of the parameters, all of one length. */
export interface AdamWArrays {
  readonly param: Float32Array;
  readonly grad: Float32Array;
  /** First and second moments. */
  readonly m: Float32Array;
  readonly v: Float32Array;
}

/** Factors of one AdamW step, in the order in which the kernel wants them. Each is rounded to float32. */
export interface AdamWFactors {
  /** β₁ and 1-β₁. */
  readonly beta1: number;
  readonly gain1: number;
  /** β₂ and 1-β₂. */
  readonly beta2: number;
  readonly gain2: number;
  /** c, which clips the gradient. */
  readonly clip: number;
  /** η / (1-β₁ᵗ). */
  readonly step_size: number;
  /** √(1-β₂ᵗ). */
  readonly root2: number;
  readonly epsilon: number;
  /** 1 - η λ, or 1 where weights do not decay. */
  readonly keep: number;
}

type Pointer = bigint;

interface Exports {
  adamw(p: Pointer, g: Pointer, m: Pointer, v: Pointer, n: bigint, ...factors: number[]): void;
  sum_of_squares(x: Pointer, n: bigint): number;
  add(sum: Pointer, x: Pointer, n: bigint): void;
}

/** Arrays in the order of the module's memories; those that a kernel does not use may be any. */
type Quadruple = readonly [Float32Array, Float32Array, Float32Array, Float32Array];

const PAGE = 1 << 16;
/** 16 GiB, V8's limit. */
const MAX_PAGES = 1 << 18;
let compiled: WebAssembly.Module | undefined;
const memories = new WeakMap<ArrayBufferLike, WebAssembly.Memory>();
const instances = new WeakMap<WebAssembly.Memory, { others: object[]; exports: Exports }[]>();

/**
 * An array of zeros that kernels and other threads read and write without copies. Memory is used when it is first
 * written.
 *
 * @param length in elements; above 2³², kernels take their slower loops.
 */
export function sharedFloats(length: number): Float32Array {
  const bytes = length * Float32Array.BYTES_PER_ELEMENT;
  if (bytes > MAX_PAGES * PAGE) return new Float32Array(new SharedArrayBuffer(bytes));
  const pages = BigInt(Math.ceil(bytes / PAGE));
  // 64-bit addresses, since a large model's array exceeds 4 GiB; TypeScript does not know them.
  const size = { initial: pages, maximum: pages, shared: true, address: "i64" } as unknown;
  const memory = new WebAssembly.Memory(size as WebAssembly.MemoryDescriptor);
  memories.set(memory.buffer, memory);
  return new Float32Array(memory.buffer, 0, length);
}

/**
 * One AdamW step, in place, with the arithmetic of torch.optim.AdamW, each operation rounded to float32:
 *
 *     g = c · grad
 *     m = β₁ m + (1-β₁) g
 *     v = β₂ v + (1-β₂) g²
 *     p = p (1 - η λ) - η/(1-β₁ᵗ) · m / (√v / √(1-β₂ᵗ) + ε)
 */
export function updateAdamW(arrays: AdamWArrays, factors: AdamWFactors): void {
  const { param, grad, m, v } = arrays;
  const { beta1, gain1, beta2, gain2, clip, step_size, root2, epsilon, keep } = factors;
  const order = [beta1, gain1, beta2, gain2, clip, step_size, root2, epsilon, keep];
  const kernels = kernelsFor([param, grad, m, v]);
  if (!kernels) return updateInLoops(arrays, order);
  const [p, g, m_at, v_at] = [param, grad, m, v].map(({ byteOffset }) => BigInt(byteOffset));
  kernels.adamw(p, g, m_at, v_at, BigInt(param.length), ...order);
}

/** Σ x², in float64; every fourth element is a sum of its own, so that the result has the same bits everywhere. */
export function sumOfSquares(x: Float32Array): number {
  const kernels = kernelsFor([x, x, x, x]);
  if (kernels) return kernels.sum_of_squares(BigInt(x.byteOffset), BigInt(x.length));
  const lanes = new Float64Array(4), whole = x.length - x.length % 4;
  for (let i = 0; i < whole; i++) lanes[i % 4] += x[i] * x[i];
  let rest = 0;
  for (let i = whole; i < x.length; i++) rest += x[i] * x[i];
  return lanes[0] + lanes[1] + (lanes[2] + lanes[3]) + rest;
}

/** sum[i] += x[i], in float32. */
export function addTo(sum: Float32Array, x: Float32Array): void {
  const kernels = kernelsFor([sum, x, x, x]);
  if (kernels) kernels.add(BigInt(sum.byteOffset), BigInt(x.byteOffset), BigInt(x.length));
  else for (let i = 0; i < sum.length; i++) sum[i] += x[i];
}

/** The module over the memories of four arrays; undefined when one of them is not from `sharedFloats`. */
function kernelsFor(arrays: Quadruple): Exports | undefined {
  const found = arrays.map(({ buffer }) => memories.get(buffer)!);
  if (found.includes(undefined!)) return undefined;
  const [param, ...others] = found;
  const known = instances.get(param) ?? [];
  instances.set(param, known);
  let instance = known.find((one) => one.others.every((memory, i) => memory === others[i]));
  if (!instance) {
    const [grad, m, v] = others;
    compiled ??= new WebAssembly.Module(Uint8Array.fromBase64(KERNELS_WASM));
    const { exports } = new WebAssembly.Instance(compiled, { memory: { param, grad, m, v } });
    known.push(instance = { others, exports: exports as unknown as Exports });
  }
  return instance.exports;
}

function updateInLoops({ param, grad, m, v }: AdamWArrays, factors: readonly number[]): void {
  const f = Math.fround;
  const [beta1, gain1, beta2, gain2, clip, step_size, root2, epsilon, keep] = factors.map(f);
  for (let i = 0; i < param.length; i++) {
    const g = f(grad[i] * clip);
    m[i] = f(m[i] * beta1) + f(g * gain1);
    v[i] = f(v[i] * beta2) + f(f(g * g) * gain2);
    const denominator = f(f(f(Math.sqrt(v[i])) / root2) + epsilon);
    param[i] = f(param[i] * keep) - f(f(m[i] / denominator) * step_size);
  }
}

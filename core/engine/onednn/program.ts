/**
 * A list of steps over planned memory: primitives of oneDNN, and our own loops.
 *
 * @module
 */
import type { Handle } from "../signature.ts";
import {
  ALGORITHM,
  ARGUMENT,
  type ArgumentName,
  BYTES,
  type DnnlLibrary,
  type DnnlType,
  FORWARD_TRAINING,
  packArguments,
  type PostOps,
} from "./library.ts";
import { denseBytes, denseView, planArena, Slot, type View } from "./memory.ts";

/** Memory of a view; bfloat16 as its bits. */
export type HostArray = Float32Array | Int32Array | Uint16Array;
/** Returns the memory of a view, starting at its first element. */
type HostMemory = (view: View) => HostArray;

type Step =
  | { views: readonly View[]; primitive: Handle; args: ReadonlyMap<number, View> }
  | { views: readonly View[]; run: (memory: HostMemory) => void };

/** Algorithms with their first parameter. */
const ACTIVATION = {
  gelu: [ALGORITHM.gelu_erf, 0],
  gelu_tanh: [ALGORITHM.gelu_tanh, 0],
  silu: [ALGORITHM.swish, 1],
} as const;
export type Activation = keyof typeof ACTIVATION;

const ARRAY = { float32: Float32Array, int32: Int32Array, bfloat16: Uint16Array } as const;

export class Program {
  readonly #steps: Step[] = [];
  readonly #slots = new Set<Slot>();
  /** External memory by the name of its slot. */
  readonly #external = new Map<string, HostArray>();
  /** Library objects that point into external memory. */
  readonly #pointers = new Map<string, { memory: Handle; bytes: number }[]>();
  #arena = new ArrayBuffer(0);
  #run: (() => void)[] = [];
  #primitives: Handle[] = [];
  #memories: Handle[] = [];

  constructor(readonly library: DnnlLibrary) {}

  /** Memory for a result, dense. */
  temporary(shape: readonly number[], dtype: DnnlType = "float32"): View {
    const slot = new Slot(denseBytes(shape, dtype));
    this.#slots.add(slot);
    return denseView(slot, shape, dtype);
  }

  /** Memory that {@linkcode bind} provides. */
  external(name: string, shape: readonly number[], dtype: DnnlType): View {
    return denseView(new Slot(denseBytes(shape, dtype), name), shape, dtype);
  }

  /** Adds our own loop, which touches these views. */
  host(views: readonly View[], run: (memory: HostMemory) => void): void {
    this.#add({ views, run });
  }

  /** dst = src in another layout or dtype, times the number `src_scale`, [1], if there is one. */
  copy(src: View, dst: View, src_scale?: View): void {
    const description = this.library.describeReorder(src, dst, src_scale !== undefined);
    this.primitive(description, { src, dst, src_scale });
  }

  /** dst = alpha · a b, or dst + that; the last two axes are multiplied. */
  matmul(a: View, b: View, dst: View, post: PostOps = {}, bias?: View): void {
    const { library } = this;
    const description = library.withPostOps(post, (attributes) => {
      return library.describe("matmul", a, b, bias ?? null, dst, attributes);
    });
    this.primitive(description, { src: a, weights: b, dst, bias });
  }

  /** dst = a ∘ b, where b may be broadcast. */
  binary(op: "add" | "mul" | "sub", a: View, b: View, dst: View): void {
    const description = this.library.describe("binary", ALGORITHM[op], a, b, dst, null);
    this.primitive(description, { src: a, src_1: b, dst });
  }

  /** The means over the last axis of `src`: [..., 1]. */
  mean(src: View, dst: View): void {
    const description = this.library.describe("reduction", ALGORITHM.mean, src, dst, 0, 0, null);
    this.primitive(description, { src, dst });
  }

  activation(op: Activation, src: View, dst: View): void {
    this.primitive(this.#describeActivation(op, src, dst), { src, dst });
  }

  activationGrad(op: Activation, src: View, diff_dst: View, diff_src: View): void {
    const forward = this.#describeActivation(op, src, diff_src);
    const [algorithm, alpha] = ACTIVATION[op], views = [diff_src, diff_dst, src];
    const kind = "eltwise_backward";
    const description = this.library.describe(kind, algorithm, ...views, alpha, 0, forward, null);
    this.primitive(description, { src, diff_dst, diff_src });
  }

  #describeActivation(op: Activation, src: View, dst: View): Handle {
    const [algorithm, alpha] = ACTIVATION[op], kind = "eltwise_forward";
    return this.library.describe(kind, FORWARD_TRAINING, algorithm, src, dst, alpha, 0, null);
  }

  /** Over the last axis. */
  softmax(src: View, dst: View): void {
    this.primitive(this.#describeSoftmax(src, dst), { src, dst });
  }

  /** diff_src = dst (diff_dst - Σ dst diff_dst), with dst the probabilities. */
  softmaxGrad(dst: View, diff_dst: View, diff_src: View): void {
    const { softmax } = ALGORITHM, axis = dst.shape.length - 1;
    const forward = this.#describeSoftmax(dst, dst), views = [diff_src, diff_dst, dst];
    const kind = "softmax_backward";
    const description = this.library.describe(kind, softmax, ...views, axis, forward, null);
    this.primitive(description, { dst, diff_dst, diff_src });
  }

  #describeSoftmax(src: View, dst: View): Handle {
    const { softmax } = ALGORITHM, axis = src.shape.length - 1;
    const kind = "softmax_forward";
    return this.library.describe(kind, FORWARD_TRAINING, softmax, src, dst, axis, null);
  }

  /** Adds a primitive, and frees its description. */
  primitive(description: Handle, views: Partial<Record<ArgumentName, View>>): void {
    const args = new Map<number, View>();
    for (const [name, view] of Object.entries(views)) {
      if (view) args.set(ARGUMENT[name as ArgumentName], view);
    }
    const primitive = this.library.create("dnnl_primitive_create", description);
    // The primitive keeps what it needs of its description.
    this.library.call("dnnl_primitive_desc_destroy", description);
    this.#primitives.push(primitive);
    this.#add({ views: [...args.values()], primitive, args });
  }

  #add(step: Step): void {
    for (const { slot } of step.views) {
      slot.first = Math.min(slot.first, this.#steps.length);
      slot.last = this.#steps.length;
    }
    this.#steps.push(step);
  }

  /** Plans the memory; no steps can be added afterwards. */
  finish(): void {
    const used = [...this.#slots].filter(({ last }) => last >= 0);
    this.#arena = new ArrayBuffer(planArena(used));
    const arrays = new Map<View, HostArray>();
    const memory: HostMemory = (view) => {
      const { slot, offset, dtype } = view;
      if (slot.external !== undefined) return this.#external.get(slot.external)!.subarray(offset);
      let array = arrays.get(view);
      if (!array) {
        const at = slot.offset + offset * BYTES[dtype];
        const length = (slot.bytes - offset * BYTES[dtype]) / BYTES[dtype];
        arrays.set(view, array = new ARRAY[dtype](this.#arena, at, length));
      }
      return array;
    };
    const objects = new Map<View, Handle>();
    this.#run = this.#steps.map((step) => {
      if ("run" in step) return () => step.run(memory);
      const args = packArguments(
        new Map([...step.args].map(([arg, view]) => {
          let object = objects.get(view);
          if (!object) objects.set(view, object = this.#object(view));
          return [arg, object];
        })),
      );
      return () => this.library.execute(step.primitive, args);
    });
  }

  /** The library's object for a view. */
  #object(view: View): Handle {
    const { slot, offset, dtype } = view;
    const bytes = offset * BYTES[dtype];
    if (slot.external === undefined) {
      const base = Deno.UnsafePointer.of(this.#arena)!;
      const address = Deno.UnsafePointer.offset(base, slot.offset + bytes);
      const memory = this.library.memory(view, address);
      this.#memories.push(memory);
      return memory;
    }
    const memory = this.library.memory(view, null);
    this.#memories.push(memory);
    const pointers = this.#pointers.get(slot.external) ?? [];
    pointers.push({ memory, bytes });
    this.#pointers.set(slot.external, pointers);
    const array = this.#external.get(slot.external);
    if (array) this.#point(slot.external, array);
    return memory;
  }

  /** Sets the external memory of a name, for this run and later ones. */
  bind(name: string, array: HostArray): void {
    if (this.#external.get(name) === array) return;
    this.#external.set(name, array);
    this.#point(name, array);
  }

  #point(name: string, array: HostArray): void {
    const base = Deno.UnsafePointer.of(array as Float32Array<ArrayBuffer>)!;
    for (const { memory, bytes } of this.#pointers.get(name) ?? []) {
      const address = Deno.UnsafePointer.offset(base, bytes);
      this.library.call("dnnl_memory_set_data_handle", memory, address);
    }
  }

  run(): void {
    for (const step of this.#run) step();
  }

  /** Bytes of temporaries. */
  get arena_bytes(): number {
    return this.#arena.byteLength;
  }

  release(): void {
    this.#memories.forEach((memory) => this.library.call("dnnl_memory_destroy", memory));
    this.#primitives.forEach((primitive) => this.library.call("dnnl_primitive_destroy", primitive));
    this.#memories = [];
    this.#primitives = [];
    this.#run = [];
    this.#arena = new ArrayBuffer(0);
  }
}

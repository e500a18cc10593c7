/**
 * Memory of a program: parts of it as tensors (reshaping, transposing and splitting move no data), and the plan by which
 * parts that are never in use at the same time share it.
 *
 * @module
 */
import { sizeOf } from "../../graph/mod.ts";
import { BYTES, type DnnlType, type Layout } from "./library.ts";

/** A piece of memory: in the arena at a planned offset, or an external array under a name. */
export class Slot {
  /** First and last step that touches it. */
  first = Infinity;
  last = -1;
  /** In bytes, in the arena. */
  offset = 0;

  constructor(readonly bytes: number, readonly external?: string) {}
}

/** A tensor in a slot. */
export interface View extends Layout {
  readonly slot: Slot;
  /** In elements from the slot's start. */
  readonly offset: number;
}

/** Strides of a contiguous tensor. */
export function denseStrides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** A dense tensor at the start of a slot; a scalar has the shape [1]. */
export function denseView(slot: Slot, given: readonly number[], dtype: DnnlType): View {
  const shape = given.length === 0 ? [1] : given;
  return { slot, offset: 0, dtype, shape, strides: denseStrides(shape) };
}

export function denseBytes(shape: readonly number[], dtype: DnnlType): number {
  return sizeOf(shape) * BYTES[dtype];
}

export function isDense({ shape, strides }: Layout): boolean {
  const dense = denseStrides(shape);
  return shape.every((dim, axis) => dim === 1 || strides[axis] === dense[axis]);
}

export function permute(view: View, permutation: readonly number[]): View {
  return {
    ...view,
    shape: permutation.map((axis) => view.shape[axis]),
    strides: permutation.map((axis) => view.strides[axis]),
  };
}

/** `length` positions of an axis from `start`. */
export function slice(view: View, axis: number, start: number, length: number): View {
  return {
    ...view,
    offset: view.offset + start * view.strides[axis],
    shape: view.shape.with(axis, length),
  };
}

/** The same elements in another shape; undefined where that needs a copy. */
export function reshapeView(view: View, given: readonly number[]): View | undefined {
  const shape = given.length === 0 ? [1] : given;
  if (isDense(view)) return { ...view, shape, strides: denseStrides(shape) };
  // Dimensions of size 1 may come and go.
  const long = (dims: readonly number[]) => dims.filter((dim) => dim !== 1);
  if (long(view.shape).join() !== long(shape).join()) return undefined;
  const strides = view.strides.filter((_, axis) => view.shape[axis] !== 1);
  return { ...view, shape, strides: shape.map((dim) => dim === 1 ? 1 : strides.shift()!) };
}

/** A cache line, which also suits the widest loads. */
const ALIGNMENT = 64;

/**
 * Assigns every slot an offset, the largest first, each the lowest that does not overlap a slot in use at the same time
 * (Pisarchyk & Lee, 2020, "Efficient memory management for deep neural net inference", greedy by size).
 *
 * @returns the bytes that the arena needs.
 */
export function planArena(slots: Iterable<Slot>): number {
  const placed: Slot[] = [];
  let total = 0;
  const end = ({ offset, bytes }: Slot) => Math.ceil((offset + bytes) / ALIGNMENT) * ALIGNMENT;
  for (const slot of [...slots].sort((a, b) => b.bytes - a.bytes)) {
    slot.offset = 0;
    // `placed` is sorted by offset.
    for (const other of placed) {
      if (other.last < slot.first || slot.last < other.first) continue;
      if (slot.offset + slot.bytes <= other.offset) break;
      slot.offset = Math.max(slot.offset, end(other));
    }
    const at = placed.findIndex(({ offset }) => offset > slot.offset);
    placed.splice(at < 0 ? placed.length : at, 0, slot);
    total = Math.max(total, end(slot));
  }
  return total;
}

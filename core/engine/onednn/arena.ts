/**
 * The memory plan: slots that are not in use at the same time share memory.
 *
 * @module
 */
import type { Slot } from "./view.ts";

/** Cache lines, and what the widest loads like. */
const ALIGNMENT = 64;

/**
 * Gives every slot an offset, the largest first, each at the lowest place where no slot stands that lives at the
 * same time (Pisarchyk & Lee, 2020, "Efficient memory management for deep neural net inference", greedy by size).
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

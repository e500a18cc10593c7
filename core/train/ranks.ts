/**
 * How ranks share work.
 *
 * @module
 */
import type { Ranks } from "../stage/mod.ts";

/**
 * The parts of a list that ranks take, as even as can be: part r of n items goes from ⌊n r / N⌋ to ⌊n (r + 1) / N⌋.
 * Ranks in order hold the items in order, so what is trained on does not depend on the number of ranks.
 */
export function partOf<T>(items: readonly T[], { rank, size }: Pick<Ranks, "rank" | "size">): T[] {
  const at = (r: number) => Math.floor(items.length * r / size);
  return items.slice(at(rank), at(rank + 1));
}

/**
 * Circles in a graph of imports.
 *
 * @module
 */

/**
 * Finds circles by a depth-first walk: at least one wherever there is any.
 *
 * @returns each circle as the nodes along it, the first one again at the end; none when there is no circle.
 *
 * @example
 * ```ts
 * import { circles } from "./import_circles.ts";
 * import assert from "node:assert/strict";
 *
 * const edges = [{ from: "a", to: "b" }, { from: "b", to: "c" }, { from: "c", to: "b" }];
 * assert.deepEqual(circles(edges), [["b", "c", "b"]]);
 * ```
 */
export function circles(edges: readonly { from: string; to: string }[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...next.get(from) ?? [], to]);
  const found: string[][] = [];
  const done = new Set<string>(), path: string[] = [], on_path = new Set<string>();
  const visit = (node: string) => {
    path.push(node);
    on_path.add(node);
    for (const target of next.get(node) ?? []) {
      if (on_path.has(target)) found.push([...path.slice(path.indexOf(target)), target]);
      else if (!done.has(target)) visit(target);
    }
    path.pop();
    on_path.delete(node);
    done.add(node);
  };
  for (const node of [...next.keys()].sort()) if (!done.has(node)) visit(node);
  return found;
}

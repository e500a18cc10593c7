/**
 * The order of the steps of a JSON recipe, which names them in any order.
 *
 * @module
 */

/** Inputs of a step: outputs as "step.output", some of them under labels. */
export type JsonInputs = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

/**
 * Orders steps so that each comes after those it reads; apart from that in the order given.
 *
 * @param wiring inputs by step id.
 * @returns all ids; and the circles in which steps read each other, each ending in the id that it begins with.
 *
 * @example
 * ```ts
 * import { orderSteps } from "./json_order.ts";
 * import assert from "node:assert/strict";
 *
 * const wiring = new Map<string, Record<string, string>>([
 *   ["total", { a: "one.data", b: "two.data" }],
 *   ["two", {}],
 *   ["one", {}],
 * ]);
 * assert.deepEqual(orderSteps(wiring).order, ["one", "two", "total"]);
 * ```
 */
export function orderSteps(wiring: ReadonlyMap<string, JsonInputs>) {
  const order: string[] = [];
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (id: string, trail: readonly string[]): void => {
    if (trail.includes(id)) return void cycles.push([...trail.slice(trail.indexOf(id)), id]);
    if (done.has(id) || !wiring.has(id)) return;
    for (const read of stepsRead(wiring.get(id)!)) visit(read, [...trail, id]);
    done.add(id);
    order.push(id);
  };
  for (const id of wiring.keys()) visit(id, []);
  return { order, cycles };
}

function stepsRead(inputs: JsonInputs): string[] {
  const texts = Object.values(inputs).flatMap((given) =>
    typeof given === "string" ? [given] : Object.values(given)
  );
  return [...new Set(texts.map((text) => text.slice(0, Math.max(0, text.lastIndexOf(".")))))];
}

/** "a, b", or "none". */
export function listOf(names: readonly string[]): string {
  return names.join(", ") || "none";
}

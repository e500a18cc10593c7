/**
 * Schemas that config fields share.
 *
 * @module
 */
import { z } from "zod";

export { pinRevision } from "./revision.ts";
export type { Pinned } from "./revision.ts";

/** An integer of at least 1: sizes, and counts that cannot be 0. */
export const positive_int = z.number().int().positive();

/** An integer of at least 0. */
export const count = z.number().int().nonnegative();

/** A list of names in which none may come twice. */
export function distinct<S extends z.ZodType<readonly string[]>>(list: S) {
  const twice = (names: readonly string[]) => names.find((name, i) => names.indexOf(name) < i);
  return list.refine((names) => twice(names) === undefined, {
    error: ({ input }) => `"${twice(input as string[])}" is listed twice; name each source once`,
  });
}

/**
 * Checks an argument that no schema has checked.
 *
 * @throws {Error} when it is not an integer of at least `least`.
 */
export function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new Error(`${name} must be an integer >= ${least}, got ${value}`);
}

/**
 * Number schemas that config fields share.
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

/**
 * Checks an argument that no schema has checked.
 *
 * @throws {Error} when it is not an integer of at least `least`.
 */
export function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new Error(`${name} must be an integer >= ${least}, got ${value}`);
}

/**
 * Schemas that config fields share.
 *
 * @module
 */
import { z } from "zod";
import { issueText } from "../words/mod.ts";

export { canRestrict, grantedDeno } from "./permissions.ts";
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

/**
 * Parses the text of a JSON file; a byte order mark, as Windows editors write it, is ignored.
 *
 * @param name of the file, for messages.
 * @param schema shape of the content, which is returned as it was written.
 * @throws {Error} when it is not JSON, a Git LFS pointer instead of the file, or of another shape: with the place.
 */
export function parseJsonFile<T = unknown>(
  text: string,
  name: string,
  schema?: z.ZodType<T>,
): T {
  if (text.startsWith("version https://git-lfs.github.com/spec/")) {
    throw new Error(`${name} is a Git LFS pointer and not the file itself; run git lfs pull`);
  }
  let value: T;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new Error(`${name} is not valid JSON (${(error as Error).message})`);
  }
  return schema === undefined ? value : checkShape(value, name, schema);
}

/** Checks what a file contains; returns it as it was written. @throws {Error} naming the file and the place. */
export function checkShape<T>(value: unknown, name: string, schema: z.ZodType<T>): T {
  const issue = schema.safeParse(value).error?.issues[0];
  if (issue === undefined) return value as T;
  throw new Error(`${name}: ${issueText(issue)}`);
}

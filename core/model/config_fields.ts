/**
 * Reading `config.json`: what families share.
 *
 * @module
 */
import { z } from "zod";

export const positive = z.number().int().positive();

/** Settings of Hugging Face that an implementation knows in one value only. */
export type FixedFields = Readonly<Record<string, unknown>>;

/** @throws {Error} when a field is given with another value. */
export function checkFixed(
  given: Readonly<Record<string, unknown>>,
  fixed: FixedFields,
  origin: string,
): void {
  for (const [key, value] of Object.entries(fixed)) {
    if (given[key] !== undefined && given[key] !== value) {
      throw new Error(
        `${origin}: ${key} is ${JSON.stringify(given[key])}, only ${
          JSON.stringify(value)
        } is supported`,
      );
    }
  }
}

/**
 * Parameters of the rotary embedding: `rope_parameters` of transformers 5, `rope_scaling` of earlier ones.
 *
 * @throws {Error} when positions are scaled in some way.
 */
export function ropeParameters(
  given: Readonly<Record<string, unknown>>,
  origin: string,
): Readonly<Record<string, unknown>> {
  const rope = (given.rope_parameters ?? {}) as Record<string, unknown>;
  const scaling = (given.rope_scaling ?? {}) as Record<string, unknown>;
  for (const type of [rope.rope_type, scaling.rope_type, scaling.type]) {
    if (type === undefined || type === "default") continue;
    throw new Error(
      `${origin}: rope_type ${JSON.stringify(type)} is not supported, only "default" is`,
    );
  }
  return rope;
}

/** @throws {Error} naming the first field that is missing or wrong. */
export function parseFields<T>(schema: z.ZodType<T>, given: unknown, origin: string): T {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`${origin}: ${issue.path.join(".")}: ${issue.message}`);
}

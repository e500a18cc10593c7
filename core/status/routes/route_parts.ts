/**
 * What declarations of routes are made of: query parameters and answers.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { Problem } from "../schemas.ts";

/** A query parameter that is any number. */
export const numberQuery = z.string()
  .refine((text) => text.trim() !== "" && Number.isFinite(Number(text)), "is not a number")
  .transform(Number)
  .openapi({ type: "number" });

/** A query parameter that is a whole number in a range. */
export function wholeQuery(minimum: number, maximum: number) {
  return z.string()
    .refine((text) => {
      return /^\d{1,16}$/.test(text) && Number(text) >= minimum && Number(text) <= maximum;
    }, `is not a whole number from ${minimum} to ${maximum}`)
    .transform(Number)
    .openapi({ type: "integer", minimum, maximum });
}

/** A query parameter that may be given several times. */
export const listQuery = z.union([z.string(), z.array(z.string())])
  .transform((value) => [value].flat())
  .openapi({ type: "array", items: { type: "string" } });

const RESPONSES = {
  304: "Not modified",
  400: "A query parameter makes no sense",
  404: "There is no such thing",
  406: "None of the media types that Accept names is on offer",
  416: "The range lies outside",
  500: "What is stored cannot be read",
  503: "Too much is asked at once",
} as const;

type OtherStatus = keyof typeof RESPONSES;
type Content = Record<string, { schema: z.ZodType }>;

/** The 200 answer in its media types, and the others that a route gives. */
export function responses(
  description: string,
  content: Record<string, z.ZodType>,
  others: readonly OtherStatus[] = [304, 404],
): Record<string, { description: string; content?: Content }> {
  const types = Object.entries(content).map(([type, schema]) => [type, { schema }]);
  const problem = { "application/problem+json": { schema: Problem } };
  return {
    200: { description, content: Object.fromEntries(types) },
    ...Object.fromEntries(
      others.map((status) => {
        const description = RESPONSES[status];
        return [status, status === 304 ? { description } : { description, content: problem }];
      }),
    ),
  };
}

/** The body of an answer that is not JSON. */
export const text = z.string();
/** Bytes as they are. */
export const binary = z.string().openapi({ format: "binary" });

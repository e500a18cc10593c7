/**
 * Reading and writing `config.json`: what all families share.
 *
 * @module
 */
import { z } from "zod";
import { issueText } from "../words/mod.ts";

/** Layers of a model. A file that asks for more than any model has would fill the memory with their names. */
export const layers_schema = z.int().positive().max(10_000);

/** Settings of Hugging Face that are implemented for one value only. */
export type FixedFields = Readonly<Record<string, unknown>>;

/** @throws {Error} when a field has another value. */
export function checkFixed(
  given: Readonly<Record<string, unknown>>,
  fixed: FixedFields,
  origin: string,
): void {
  for (const [key, value] of Object.entries(fixed)) {
    if (given[key] !== undefined && given[key] !== value) {
      const [is, supported] = [given[key], value].map((x) => JSON.stringify(x));
      throw new Error(`${origin}: ${key} is ${is}, only ${supported} is supported`);
    }
  }
}

/** The fields that differ from their defaults: configurations that mean the same are equal, and have the same keys. */
export function withoutDefaults<C extends object>(config: C, defaults: FixedFields): C {
  const entries = Object.entries(config).filter(([key, value]) =>
    value !== undefined && !(Object.hasOwn(defaults, key) && defaults[key] === value)
  );
  return Object.fromEntries(entries) as C;
}

/** A refinement of a schema by a function that says what is wrong. */
export function refineBy<C>(problemOf: (config: C) => string | undefined) {
  return (config: C, context: z.RefinementCtx): void => {
    const message = problemOf(config);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  };
}

/**
 * @param where name of the field that `given` is the value of.
 * @throws {Error} naming the first field that is missing or wrong.
 */
export function parseFields<T>(
  schema: z.ZodType<T>,
  given: unknown,
  origin: string,
  where?: string,
): T {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new Error(`${origin}: ${issueText(result.error.issues[0], where)}`);
}

/**
 * `config.json` for `from_pretrained`: the fixed and the given fields of an architecture, and common ones. The ids of
 * tokens are the tokenizer's: see {@linkcode withTokenIds}.
 */
export function configJson(
  architecture: string,
  fixed: FixedFields,
  fields: Record<string, unknown>,
): Record<string, unknown> {
  return {
    architectures: [architecture],
    ...fixed,
    ...fields,
    initializer_range: 0.02,
    bos_token_id: null,
    eos_token_id: null,
    torch_dtype: "float32",
    use_cache: true,
  };
}

/**
 * What a recipe wants to see of its models while they train.
 *
 * @module
 */
import { z } from "zod";
import type { SampleSettings } from "../stage/mod.ts";

/** Not part of any step: it changes no result, and no key. */
export const sample_settings_schema = z.strictObject({
  prompts: z.array(z.string().min(1)).min(1).max(16)
    .describe("Texts that models go on with while they train."),
  max_new_tokens: z.int().positive().max(1024).default(48).describe("Tokens of each sample."),
  temperature: z.number().min(0).max(10).default(0.8)
    .describe("0 takes the likeliest token each time."),
});

/** As a recipe gives them. */
export type GivenSamples = z.input<typeof sample_settings_schema>;

/** @throws {TypeError} naming the field that is wrong. */
export function checkSamples(where: string, given: GivenSamples): SampleSettings {
  const { data, error } = sample_settings_schema.safeParse(given);
  if (data) return data;
  const [{ path, message }] = error.issues;
  throw new TypeError(
    `${where}: samples${path.map((part) => `.${String(part)}`).join("")}: ${message}`,
  );
}

/**
 * What a tokenizer file says of its vocabulary.
 *
 * @module
 */
import { z } from "zod";

const schema = z.object({
  model: z.object({ vocab: z.record(z.string(), z.number().int().nonnegative()) }),
  added_tokens: z.array(z.object({ id: z.number().int().nonnegative() })).default([]),
});

/**
 * Rows a model's embedding needs for a tokenizer: one more than the largest id, added tokens included.
 *
 * @param tokenizer_json the text of `tokenizer.json`.
 * @throws {Error} when it is not a tokenizer file with a vocabulary.
 */
export function vocabularySize(tokenizer_json: string): number {
  let json: unknown;
  try {
    json = JSON.parse(tokenizer_json);
  } catch {
    throw new Error("tokenizer.json is no JSON");
  }
  const { success, data } = schema.safeParse(json);
  if (!success) throw new Error("tokenizer.json holds no vocabulary (model.vocab)");
  let largest = -1;
  for (const id of Object.values(data.model.vocab)) largest = Math.max(largest, id);
  for (const { id } of data.added_tokens) largest = Math.max(largest, id);
  return largest + 1;
}

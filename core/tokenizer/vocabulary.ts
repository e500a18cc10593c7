/**
 * What a tokenizer file says of its vocabulary.
 *
 * @module
 */
import { z } from "zod";
import { idCount } from "./definition.ts";

const id = z.int().nonnegative();
const schema = z.object({
  model: z.object({
    vocab: z.union([z.record(z.string(), id), z.array(z.tuple([z.string(), z.number()]))]),
  }),
  added_tokens: z.array(z.object({ id })).default([]),
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
  return idCount(data);
}

/**
 * Refuses tokens that a model cannot read: those of another tokenizer, whose ids mean other words.
 *
 * @module
 */
import type { MicroBatch, TokenTable } from "../batches/mod.ts";
import type { FilesInput } from "../stage/mod.ts";
import { tokenizerFingerprint } from "../tokenizer/mod.ts";

/**
 * Checks that tokens were made by a tokenizer, as far as it is known which one made them.
 *
 * @param inputs tables by input, then by label.
 * @param tokenizer its files, or a checkpoint with them.
 * @param whose "the checkpoint's", for the message.
 * @throws {Error} naming the table.
 */
export async function checkTokenizer(
  inputs: Readonly<Record<string, Readonly<Record<string, TokenTable>>>>,
  tokenizer: FilesInput,
  whose: string,
): Promise<void> {
  if (!tokenizer.names.includes("tokenizer.json")) return;
  const expected = tokenizerFingerprint(await tokenizer.text("tokenizer.json"));
  if (expected === undefined) return;
  for (const [port, tables] of Object.entries(inputs)) {
    for (const [label, table] of Object.entries(tables)) {
      if (table.tokenizer === undefined || table.tokenizer === expected) continue;
      throw new Error(
        `the tokens "${port}.${label}" were made by another tokenizer than ${whose}, so their ids ` +
          "mean other words; connect the model's tokenizer to the step that makes the tokens, or a " +
          "model of their tokenizer",
      );
    }
  }
}

/** @throws {Error} when a token has no embedding: the tokens were made by a larger tokenizer. */
export function checkIds(
  { input_ids, labels }: Pick<MicroBatch, "input_ids" | "labels">,
  { vocab_size }: { readonly vocab_size: number },
): void {
  for (const ids of [input_ids, labels]) {
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] >= 0 && ids[i] < vocab_size) continue;
      throw new Error(
        `token id ${
          ids[i]
        } is beyond the model's vocabulary of ${vocab_size}: the tokens were made by ` +
          "another tokenizer; tokenize the data with the model's",
      );
    }
  }
}

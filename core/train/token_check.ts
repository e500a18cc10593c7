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
  const expected = await fingerprintOf(tokenizer);
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

/**
 * Checks tokens that several models are measured on: at most one tokenizer can have made them.
 *
 * @param models their checkpoints by name.
 * @throws {Error} naming a table that another tokenizer made, or two models with different tokenizers.
 */
export async function checkModels(
  inputs: Parameters<typeof checkTokenizer>[0],
  models: Readonly<Record<string, FilesInput>>,
): Promise<void> {
  const known: [name: string, tokenizer: string][] = [];
  for (const [name, checkpoint] of Object.entries(models)) {
    await checkTokenizer(inputs, checkpoint, `that of model "${name}"`);
    const tokenizer = await fingerprintOf(checkpoint);
    if (tokenizer !== undefined) known.push([name, tokenizer]);
  }
  const other = known.find(([, tokenizer]) => tokenizer !== known[0][1]);
  if (!other) return;
  throw new Error(
    `models "${known[0][0]}" and "${
      other[0]
    }" have different tokenizers, so they cannot read the same ` +
      "tokens; measure each on tokens of its own, in a step of its own, and compare bits per byte",
  );
}

async function fingerprintOf(files: FilesInput): Promise<string | undefined> {
  if (!files.names.includes("tokenizer.json")) return undefined;
  return tokenizerFingerprint(await files.text("tokenizer.json"));
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

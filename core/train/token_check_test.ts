import assert from "node:assert/strict";
import { checkIds, checkTokenizer } from "./mod.ts";
import type { TokenTable } from "../batches/mod.ts";
import type { FilesInput } from "../stage/mod.ts";
import { tokenizerFingerprint } from "../tokenizer/mod.ts";
import { TINY_TOKENIZER } from "../../tests/shared/tiny_training.ts";

const JSON_FILE = TINY_TOKENIZER["tokenizer.json"];

const files = (names: readonly string[]) =>
  ({ names, text: () => Promise.resolve(JSON_FILE) }) as unknown as FilesInput;
const table = (tokenizer?: string) => ({ tokenizer }) as TokenTable;

Deno.test("tokens are refused if they are known to be of another tokenizer", async () => {
  const own = tokenizerFingerprint(JSON_FILE);
  const check = (tokenizer: string | undefined, names = ["tokenizer.json"]) =>
    checkTokenizer({ train: { data: table(tokenizer) } }, files(names), "the checkpoint's");
  await check(own);
  await check(undefined);
  await check("another", []);
  await assert.rejects(
    check("another"),
    /the tokens "train.data" were made by another tokenizer than the checkpoint's/,
  );
});

Deno.test("an id without an embedding is named", () => {
  const ids = (...values: number[]) => Int32Array.from(values);
  checkIds({ input_ids: ids(0, 1), labels: ids(399) }, { vocab_size: 400 });
  assert.throws(
    () => checkIds({ input_ids: ids(0), labels: ids(1, 415) }, { vocab_size: 400 }),
    /token id 415 is beyond the model's vocabulary of 400/,
  );
});

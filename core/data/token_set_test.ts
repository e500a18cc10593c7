import assert from "node:assert/strict";
import type { Batch, ports } from "../stage/mod.ts";
import { loadTokenSets, type TokenTable } from "./mod.ts";

type Row = { source: string; tokens: number[]; prompt_length?: number };

function batchOf(rows: Row[]): Batch<typeof ports.tokens.columns> {
  const offsets = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => offsets[i + 1] = offsets[i] + row.tokens.length);
  return {
    source: rows.map((row) => row.source),
    dataset: rows.map(() => "card"),
    tokens: { values: Uint16Array.from(rows.flatMap((row) => row.tokens)), offsets },
    prompt_length: Int32Array.from(rows, (row) => row.prompt_length ?? 0),
    text_bytes: Int32Array.from(rows, (row) => 10 * row.tokens.length),
  };
}

function tableOf(...batches: Row[][]): TokenTable {
  return {
    rows: batches.flat().length,
    digest: "",
    async *batches() {
      for (const rows of batches) yield await Promise.resolve(batchOf(rows));
    },
    column: () => Promise.reject(new Error("not read")),
  };
}

Deno.test("token sets gather a source over batches and tables, in the order of table names", async () => {
  const sets = await loadTokenSets({
    second: tableOf([{ source: "general", tokens: [7, 8] }]),
    first: tableOf(
      [{ source: "general", tokens: [1, 2, 3] }, { source: "code", tokens: [40] }],
      [{ source: "general", tokens: [], prompt_length: 0 }, {
        source: "general",
        tokens: [50000, 6],
        prompt_length: 1,
      }],
    ),
  });
  assert.deepEqual([...sets.keys()], ["code", "general"]);
  const general = sets.get("general")!;
  assert.equal(general.name, "general");
  assert.equal(general.documents, 4);
  assert.deepEqual([...general.tokens], [1, 2, 3, 50000, 6, 7, 8]);
  assert.deepEqual([...general.offsets], [0, 3, 3, 5, 7]);
  assert.deepEqual([...general.prompt_lengths], [0, 0, 1, 0]);
  assert.deepEqual([...general.text_bytes], [30, 0, 20, 20]);
  assert.deepEqual([...sets.get("code")!.tokens], [40]);
});

Deno.test("no documents and impossible prompts are refused", async () => {
  await assert.rejects(loadTokenSets({ train: tableOf([]) }), /no tokenized documents in train/);
  await assert.rejects(loadTokenSets({}), /no tokenized documents in the inputs/);
  const bad = tableOf([{ source: "a", tokens: [1, 2], prompt_length: 3 }]);
  await assert.rejects(loadTokenSets({ bad }), /document 0 of source "a" has 2 tokens/);
});

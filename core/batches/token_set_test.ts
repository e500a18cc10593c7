import assert from "node:assert/strict";
import { answerSpan, type Batch, ports, spansColumn } from "../stage/mod.ts";
import { loadDocumentSets, loadTokenSets, type TokenTable } from "./mod.ts";
import { tableInput } from "../../tests/shared/fake_context.ts";

type Row = { source: string; tokens: number[]; prompt_length?: number; loss_spans?: number[] };

function batchOf(rows: Row[]): Batch<typeof ports.tokens.columns> {
  const offsets = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => offsets[i + 1] = offsets[i] + row.tokens.length);
  return {
    source: rows.map((row) => row.source),
    dataset: rows.map(() => "card"),
    tokens: { values: Uint16Array.from(rows.flatMap((row) => row.tokens)), offsets },
    loss_spans: spansColumn(rows.map(({ tokens, prompt_length = 0, loss_spans }) => {
      return loss_spans ?? answerSpan(prompt_length, tokens.length);
    })),
    text_bytes: Int32Array.from(rows, (row) => 10 * row.tokens.length),
  };
}

const tableOf = (rows: Row[]): TokenTable => tableInput(ports.tokens.columns, batchOf(rows));

Deno.test("token sets gather a source over runs and tables, in the order of table names", async () => {
  const tables = {
    second: tableOf([{ source: "general", tokens: [7, 8] }]),
    first: tableOf([
      { source: "general", tokens: [1, 2, 3] },
      { source: "code", tokens: [40] },
      { source: "general", tokens: [] },
      { source: "general", tokens: [50000, 6], prompt_length: 1 },
    ]),
  };
  const sets = await loadDocumentSets(tables);
  assert.deepEqual([...sets.keys()], ["code", "general"]);
  const general = sets.get("general")!;
  assert.equal(general.name, "general");
  assert.equal(general.documents, 4);
  assert.equal(general.token_count, 7);
  assert.deepEqual([...general.read(0, 7)], [1, 2, 3, 50000, 6, 7, 8]);
  for (const [start, end] of [[0, 0], [2, 4], [3, 3], [4, 6], [6, 7], [7, 7]]) {
    const expected = [1, 2, 3, 50000, 6, 7, 8].slice(start, end);
    assert.deepEqual([...general.read(start, end)], expected, `${start} to ${end}`);
  }
  assert.deepEqual([...general.offsets], [0, 3, 3, 5, 7]);
  const spans = Array.from({ length: 4 }, (_, i) => Array.from(general.lossSpans(i)));
  assert.deepEqual(spans, [[0, 3], [], [1, 2], [0, 2]]);
  assert.equal(general.text_bytes, 70);
  assert.equal(general.is_masked, true);
  assert.equal(sets.get("code")!.is_masked, false);
  assert.deepEqual([...sets.get("code")!.read(0, 1)], [40]);
  const without = (await loadTokenSets(tables)).get("general")!;
  assert.deepEqual([...without.read(1, 6)], [2, 3, 50000, 6, 7]);
  assert.equal("offsets" in without, false);
});

Deno.test("no documents and impossible spans are rejected", async () => {
  await assert.rejects(loadTokenSets({ train: tableOf([]) }), /no tokenized documents in train/);
  await assert.rejects(loadTokenSets({}), /no tokenized documents in the inputs/);
  for (const loss_spans of [[0, 3], [1], [1, 1], [1, 0], [1, 2, 0, 1]]) {
    const bad = tableOf([{ source: "a", tokens: [1, 2], loss_spans }]);
    await assert.rejects(loadTokenSets({ bad }), (error: Error) => {
      return error.message.includes(
        `document 0 of source "a" has 2 tokens and loss_spans [${loss_spans.join(", ")}]`,
      );
    });
  }
});

Deno.test("thousands of documents keep their places", async () => {
  const rows = Array.from({ length: 5000 }, (_, i) => ({
    source: "general",
    tokens: Array.from({ length: i % 7 }, () => i),
    // A prompt, an answer with or without a token after it, or two answers.
    loss_spans: [[0, 1], [2, 3], [1, 2], [0, 1, 3, 4], []][i % 5].slice(0, i % 7 < 4 ? 0 : 4),
  }));
  const set = (await loadDocumentSets({ train: tableOf(rows) })).get("general")!;
  assert.equal(set.offsets.length, 5001);
  for (let i = 0; i < 5000; i++) {
    assert.deepEqual([...set.read(set.offsets[i], set.offsets[i + 1])], rows[i].tokens);
    assert.deepEqual(Array.from(set.lossSpans(i)), rows[i].loss_spans);
  }
});

Deno.test("tokens of different tokenizers are not mixed", async () => {
  const table = (tokenizer?: string) => ({
    ...tableOf([{ source: "general", tokens: [1, 2] }]),
    tokenizer,
  });
  await assert.rejects(
    () => loadDocumentSets({ a: table("1"), b: table(), c: table("2") }),
    /the tokens "a" and "c" were made by different tokenizers/,
  );
  await loadDocumentSets({ a: table("1"), b: table(), c: table("1") });
});

Deno.test("one table connected twice is refused, unless it is empty", async () => {
  const table = tableOf([{ source: "general", tokens: [1, 2] }]);
  await assert.rejects(
    () => loadDocumentSets({ a: table, b: tableOf([{ source: "x", tokens: [1] }]), c: table }),
    /the tokens "a" and "c" are the same table, so that every document would count twice/,
  );
  const empty = tableOf([]);
  assert.equal((await loadDocumentSets({ a: table, b: empty, c: empty })).size, 1);
});

Deno.test("a source whose name every object has is refused", async () => {
  for (const source of ["__proto__", "constructor", "toString"]) {
    const train = tableOf([{ source, tokens: [1] }]);
    await assert.rejects(
      loadTokenSets({ train }),
      new RegExp(`a source of the tokens "train": the name "${source}" has a meaning`),
    );
  }
});

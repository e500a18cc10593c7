import assert from "node:assert/strict";
import type { DatasetCard, Document } from "@causeway/core/readers";
import { composeCard, type Part } from "./cards.ts";

const HEADER = { name: "both", title: "Both", role: "a test", licence: { spdx: "MIT" } };

function card(
  name: string,
  documents: Document[],
  revision: string | Promise<string> = name,
): DatasetCard {
  return {
    ...HEADER,
    name,
    source: { origins: [`${name}.jsonl`] },
    reading: `as ${name} has it`,
    revision: () => revision,
    async *documents() {
      yield* documents;
    },
  };
}

const ONE = card("one", [{ id: "1", text: "a" }, { id: "2", text: "b", split: "validation" }]);
const TWO = card("two", [{ id: "1", text: "c", prompt_length_chars: 1 }]);
const parts = (train_only?: boolean): Part[] => [
  { name: "one", card: ONE, train_only },
  { name: "two", card: TWO },
];

Deno.test("parts follow each other, with unique ids and their own splits", async () => {
  const logs: string[] = [];
  const both = composeCard(HEADER, parts(), "two sets");
  assert.deepEqual(await Array.fromAsync(both.documents({ log: (line) => logs.push(line) })), [
    { id: "one/1", text: "a" },
    { id: "one/2", text: "b", split: "validation" },
    { id: "two/1", text: "c", prompt_length_chars: 1 },
  ]);
  assert.deepEqual(logs, ["two sets"]);
  assert.deepEqual(both.source.origins, ["one.jsonl", "two.jsonl"]);
});

Deno.test("a train-only part gives no held-out documents", async () => {
  const [first, second, ...rest] = await Array.fromAsync(
    composeCard(HEADER, parts(true)).documents(),
  );
  assert.deepEqual(first, { id: "one/1", text: "a", split: "train" });
  assert.equal(second.id, "two/1");
  assert.equal(rest.length, 0);
});

Deno.test("the revision is a promise if that of a part is one, with the same digest", async () => {
  const revision = composeCard(HEADER, parts()).revision();
  assert.match(revision as string, /^sha256:[0-9a-f]{64}$/);
  const later = { name: "two", card: card("two", [], Promise.resolve("two")) };
  const promised = composeCard(HEADER, [parts()[0], later]).revision();
  assert.ok(promised instanceof Promise);
  assert.equal(await promised, revision);
  assert.notEqual(composeCard(HEADER, parts(true)).revision(), revision);
  assert.notEqual(composeCard(HEADER, parts().toReversed()).revision(), revision);
});

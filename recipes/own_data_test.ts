import assert from "node:assert/strict";
import { recordCard } from "@causeway/core/readers";
import recipe from "./own_data.ts";

Deno.test("own_data.ts is a valid recipe", () => {
  assert.deepEqual(
    recipe.steps.map(({ id }) => id),
    ["data", "base", "tuned", "losses", "report"],
  );
});

Deno.test("its data file is read as prompts and answers", async () => {
  const { records } = (recipe.steps[0].config as unknown as Sources).sources.questions[0];
  const documents = await Array.fromAsync(recordCard({ name: "sums", ...records }).documents());
  assert.equal(documents.length, 400);
  const [{ text, prompt_length_chars }] = documents;
  assert.equal(text, "Question: What is 25 plus 20?\nAnswer: 45.");
  assert.equal(text.slice(prompt_length_chars), "45.");
});

Deno.test("its file of conversations is read as messages", async () => {
  const options = { name: "chats", path: "recipes/own_chats.jsonl", messages: "messages" };
  const documents = await Array.fromAsync(recordCard(options).documents());
  assert.deepEqual(
    documents.map(({ messages }) => messages!.map(({ role }) => role)),
    [["user", "assistant", "user", "assistant"], ["system", "user", "assistant"]],
  );
});

interface Sources {
  sources: { questions: { records: { path: string; text: string; prompt: string } }[] };
}

import assert from "node:assert/strict";
import { conversationTokens, TEMPLATES } from "./conversation.ts";
import { generationFlags } from "./generation_flags.ts";
import { main as generate } from "./generate.ts";
import { runCommand } from "../shared/testing.ts";

/** A model with so many positions, whose tokens are characters. */
const writer = (positions: number) => ({
  positions,
  encode: (text: string) => Array.from(text, (letter) => letter.charCodeAt(0)),
});

const textOf = (tokens: readonly number[]) => String.fromCharCode(...tokens);

Deno.test("a conversation is put to the model as its template says", () => {
  const turns = [{ message: "One?", answer: "1." }];
  const { tokens, forgotten } = conversationTokens(
    writer(200),
    TEMPLATES.question,
    turns,
    "Two?",
    10,
  );
  assert.equal(textOf(tokens), "Question: One?\nAnswer: 1.\n\nQuestion: Two?\nAnswer: ");
  assert.equal(forgotten, 0);
});

Deno.test("the oldest turns are forgotten where there is no room, and a long message is refused", () => {
  const turns = ["a", "b", "c"].map((message) => ({ message, answer: "x".repeat(10) }));
  const { tokens, forgotten } = conversationTokens(writer(39), "{message}:", turns, "d", 10);
  assert.deepEqual([textOf(tokens), forgotten], [`c:${"x".repeat(10)}\n\nd:`, 2]);
  assert.throws(
    () => conversationTokens(writer(40), "{message}", turns, "y".repeat(35), 10),
    /message has 35 tokens, and the model's 40 positions leave room for 30/,
  );
});

Deno.test("flags of generation have defaults and bounds", () => {
  assert.deepEqual(generationFlags({}), {
    ...{
      max_new_tokens: 128,
      temperature: 0.8,
      top_k: 50,
      top_p: 1,
      stop: [],
      seed: 0,
      threads: 0,
    },
  });
  assert.equal(generationFlags({ temperature: "0" }).temperature, 0);
  const cases: [Parameters<typeof generationFlags>[0], RegExp][] = [
    [{ "max-new-tokens": "0" }, /--max-new-tokens takes a whole number of at least 1, not 0/],
    [{ temperature: "warm" }, /--temperature takes a number of at least 0, not warm/],
    [{ "top-p": "1.5" }, /--top-p takes a number from 0 to 1, not 1\.5/],
    [{ "top-p": "0" }, /--top-p 0 leaves no token/],
    [{ "top-k": "1.5" }, /--top-k takes a whole number/],
    [{ stop: [""] }, /--stop needs a text/],
  ];
  for (const [flags, message] of cases) assert.throws(() => generationFlags(flags), message);
});

Deno.test("wrong use of generate is told", async () => {
  const cases: [string[], RegExp][] = [
    [["latest"], /it takes a model and a prompt/],
    [["latest", "two", "words"], /put the prompt in quotes; "words"/],
    [["latest", "x", "--count", "0"], /--count takes a number of at least 1/],
    [["latest", "x", "--out", "nowhere"], /there are no runs in nowhere/],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await runCommand((given, io) => generate(given, io), args);
    assert.deepEqual([code, message.test(err)], [2, true], err);
  }
});

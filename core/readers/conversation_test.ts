import assert from "node:assert/strict";
import { conversationOf } from "./conversation.ts";
import { recordCard } from "./record_card.ts";
import { withFiles } from "./testdata/testing.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const system = (content: string) => ({ role: "system", content });

Deno.test("the three forms of conversations are mapped to one", () => {
  const wanted = { messages: [user("a"), assistant("b"), user("c"), assistant("d")], changes: [] };
  assert.deepEqual(conversationOf(["a", "b", "c", "d"], "x"), wanted);
  const shared = [["human", "a"], ["gpt", "b"], ["user", "c"], ["assistant", "d"]];
  assert.deepEqual(conversationOf(shared.map(([from, value]) => ({ from, value })), "x"), wanted);
  const parts = { role: "user", content: [{ type: "text", text: "a" }] };
  assert.deepEqual(conversationOf([parts, ...wanted.messages.slice(1)], "x"), wanted);
  assert.deepEqual(conversationOf([system("s"), user("a"), assistant("b")], "x"), {
    messages: [system("s"), user("a"), assistant("b")],
    changes: [],
  });
  assert.deepEqual(conversationOf([system(" "), user("a"), assistant("\ud800")], "x"), {
    messages: [user("a"), assistant("\ufffd")],
    changes: [],
  });
});

Deno.test("turns in a row are joined, and last turns without an answer cut off", () => {
  const turns = [user("a"), user("b"), assistant("c"), assistant("d"), user("e"), user("f")];
  assert.deepEqual(conversationOf(turns, "x"), {
    messages: [user("a\n\nb"), assistant("c\n\nd")],
    changes: [
      "with turns of one role in a row, joined by an empty line",
      "whose last turns had no answer, cut off",
    ],
  });
});

Deno.test("conversations that cannot be trained on are left out by name", () => {
  assert.equal(conversationOf([], "x"), "without an answer");
  assert.equal(conversationOf([user("a")], "x"), "without an answer");
  assert.equal(conversationOf([assistant("a"), user("b")], "x"), "that begin with an answer");
  assert.equal(conversationOf([user("a"), assistant(" \u200b")], "x"), "with a blank turn");
  assert.equal(
    conversationOf([user("a"), system("s"), assistant("b")], "x"),
    "with a system message that is not the first",
  );
});

Deno.test("other forms and roles are errors that name the place", () => {
  const refused = (value: unknown, pattern: RegExp) =>
    assert.throws(() => conversationOf(value, 'a.jsonl:2: column "m"'), pattern);
  refused("a", /^Error: a\.jsonl:2: column "m" is not a list of messages/);
  refused([7], /message 1 is none of a text, \{ role, content \} and \{ from, value \}/);
  refused(
    [user("a"), { role: "tool", content: "x" }],
    /message 2 has the role "tool".*on_error "skip"/,
  );
  refused([{ role: "constructor", content: "x" }], /message 1 has the role "constructor"/);
  refused(
    [user("a"), { role: "assistant", content: null }],
    /message 2 has no text as its content/,
  );
  refused([{ role: "user", content: [{ type: "image_url" }] }], /message 1 has no text/);
});

Deno.test("a card of conversations gives documents with messages, and one line of what was changed", async () => {
  const rows = [
    [user("a"), assistant("b")],
    [user("a"), user("b"), assistant("c")],
    [user("a")],
    [user("a"), { role: "tool", content: "x" }],
  ];
  const text = rows.map((messages) => JSON.stringify({ chat: { messages }, topic: "t" })).join(
    "\n",
  );
  await withFiles({ "chats.jsonl": text }, async (folder) => {
    const options = { name: "chats", path: `${folder}/chats.jsonl`, messages: "chat.messages" };
    const logs: string[] = [];
    const card = recordCard({ ...options, on_error: "skip", loss_on: "all", group: "topic" });
    const documents = await Array.fromAsync(card.documents({ log: (line) => logs.push(line) }));
    assert.deepEqual(documents, [
      { id: "chats.jsonl:1", text: "a\n\nb", messages: rows[0], loss_on: "all", group: "t" },
      {
        id: "chats.jsonl:2",
        text: "a\n\nb\n\nc",
        messages: [user("a\n\nb"), assistant("c")],
        loss_on: "all",
        group: "t",
      },
    ]);
    assert.match(
      logs[0],
      /skipped 1 record, the first: \S*chats\.jsonl:4: column "chat\.messages", message 2/,
    );
    assert.match(
      logs[1],
      /left out 1 without an answer, 1 unreadable; 1 conversation with turns of one role in a row/,
    );
    assert.match(
      card.reading,
      /one conversation per record: `chat\.messages`, with loss on the whole text/,
    );
    const revisions = [options, { ...options, loss_on: "all" as const }].map((all) =>
      recordCard(all).revision()
    );
    assert.notEqual(revisions[0], revisions[1]);
    assert.throws(
      () => recordCard({ ...options, text: "a", prompt: "b" }),
      /has messages and text and prompt; remove these/,
    );
    assert.throws(
      () => recordCard({ name: "x", path: "a", loss_on: "all" }),
      /has loss_on, which is for conversations/,
    );
  });
});

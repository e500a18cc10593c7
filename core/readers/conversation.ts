/**
 * Conversations in records: the forms that people write them in, mapped to one.
 *
 * | form     | record                                                                                     |
 * | -------- | ------------------------------------------------------------------------------------------ |
 * | OpenAI   | `[{ "role": "user", "content": "…" }, { "role": "assistant", "content": "…" }]`            |
 * | ShareGPT | `[{ "from": "human", "value": "…" }, { "from": "gpt", "value": "…" }]`                     |
 * | LIMA     | `["…", "…"]`: the user and the assistant in turn                                           |
 *
 * @module
 */
import type { Message } from "../tokenizer/mod.ts";
import { counted } from "../words/mod.ts";

/** Roles by the names they have in the forms. */
const ROLES: Readonly<Record<string, Message["role"]>> = {
  system: "system",
  developer: "system",
  user: "user",
  human: "user",
  prompter: "user",
  assistant: "assistant",
  gpt: "assistant",
  chatgpt: "assistant",
  bot: "assistant",
  model: "assistant",
};

/** What was changed in a conversation so that it can be trained on. */
export type Change =
  | "with turns of one role in a row, joined by an empty line"
  | "whose last turns had no answer, cut off";

/** Why a conversation is left out. */
export type Unusable =
  | "without an answer"
  | "that begin with an answer"
  | "with a blank turn"
  | "with a system message that is not the first";

export interface Conversation {
  /** A system message at most, then user and assistant in turn, the last one the assistant. */
  readonly messages: readonly Message[];
  readonly changes: readonly Change[];
}

/** A text without anything to see: spaces, and characters such as a zero-width space. */
export const BLANK = /^[\s\p{Default_Ignorable_Code_Point}]*$/u;

/**
 * The conversation of a record.
 *
 * @param value what is in its column.
 * @param place of the value, for messages: "chats.jsonl:3: column \"messages\"".
 * @returns the conversation, or why it cannot be trained on.
 * @throws {Error} when it is in none of the forms, or has turns of tools, pictures or unknown roles.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { conversationOf } from "./conversation.ts";
 *
 * const shared = [{ from: "human", value: "Hi" }, { from: "gpt", value: "Hello" }];
 * assert.deepEqual(conversationOf(shared, "chats.jsonl:1"), {
 *   messages: [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }],
 *   changes: [],
 * });
 * ```
 */
export function conversationOf(value: unknown, place: string): Conversation | Unusable {
  if (!Array.isArray(value)) {
    throw new Error(`${place} is not a list of messages; name the column that has them`);
  }
  const all = value.map((turn, i) => messageOf(turn, i, `${place}, message ${i + 1}`));
  const changes: Change[] = [];
  // A blank system message says nothing.
  const given = all.filter(({ role, content }) => role !== "system" || !BLANK.test(content));
  if (given.some(({ content }) => BLANK.test(content))) return "with a blank turn";
  if (given.some(({ role }, i) => role === "system" && i > 0)) {
    return "with a system message that is not the first";
  }
  const joined = joinTurns(given);
  if (joined.length < given.length) {
    changes.push("with turns of one role in a row, joined by an empty line");
  }
  const first = joined.find(({ role }) => role !== "system");
  const end = joined.findLastIndex(({ role }) => role === "assistant") + 1;
  if (end === 0) return "without an answer";
  if (first?.role === "assistant") return "that begin with an answer";
  if (end < joined.length) changes.push("whose last turns had no answer, cut off");
  return { messages: joined.slice(0, end), changes };
}

function messageOf(turn: unknown, index: number, place: string): Message {
  if (typeof turn === "string") {
    return { role: index % 2 === 0 ? "user" : "assistant", content: turn.toWellFormed() };
  }
  const { role, content, from, value } = (turn ?? {}) as Record<string, unknown>;
  const name = role ?? from;
  if (typeof name !== "string") {
    throw new Error(
      `${place} is none of a text, { role, content } and { from, value }; bring the records into one of these forms`,
    );
  }
  const known = Object.hasOwn(ROLES, name.toLowerCase()) ? ROLES[name.toLowerCase()] : undefined;
  if (known === undefined) {
    throw new Error(
      `${place} has the role "${name}"; the roles are system, user and assistant (human and gpt), without tools: ` +
        'leave such records out with on_error "skip"',
    );
  }
  return { role: known, content: textOf(content ?? value, place).toWellFormed() };
}

/** The text of a message: a string, or a list of parts that are texts. */
function textOf(content: unknown, place: string): string {
  if (typeof content === "string") return content;
  const parts = Array.isArray(content) ? content : [content];
  const texts = parts.map((part) => (part as { text?: unknown } | null | undefined)?.text);
  if (parts.length > 0 && texts.every((text) => typeof text === "string")) return texts.join("");
  throw new Error(
    `${place} has no text as its content (a tool call or a picture?); leave such records out with on_error "skip"`,
  );
}

function joinTurns(messages: readonly Message[]): Message[] {
  const joined: Message[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    if (last?.role !== message.role) joined.push(message);
    else joined.push({ ...joined.pop()!, content: `${last.content}\n\n${message.content}` });
  }
  return joined;
}

/** A conversation as text, for all that does not know its template: sizes, splits, the training of a tokenizer. */
export function plainConversation(messages: readonly Message[]): string {
  return messages.map(({ content }) => content).join("\n\n");
}

/** "3 conversations with …", for a log. */
export function changeLine(change: Change, count: number): string {
  return `${counted(count, "conversation")} ${change}`;
}

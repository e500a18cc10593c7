/**
 * A conversation as the text that a model goes on with.
 *
 * @module
 */
import type { Writer } from "./writer.ts";

/** Where the person's words stand in a template. */
export const MESSAGE = "{message}";

/** Forms that fine-tuning data have, by the name that `--template` takes. */
export const TEMPLATES: Readonly<Record<string, string>> = {
  /** LIMA, MAmmoTH: the request, an empty line, the answer. */
  request: `${MESSAGE}\n\n`,
  /** GSM8K, SciQ and other questions. */
  question: `Question: ${MESSAGE}\nAnswer: `,
  /** Text goes on as it is. */
  none: MESSAGE,
};

/** A message and its answer. */
export interface Turn {
  readonly message: string;
  readonly answer: string;
}

/**
 * The tokens of a conversation so far and of a new message. Each part is tokenized on its own, as prompts and answers
 * are in fine-tuning. Turns that would leave no room for the answer are forgotten, the oldest first.
 *
 * @param room tokens that the answer may have.
 * @throws {Error} when the message alone is too long.
 */
export function conversationTokens(
  writer: Pick<Writer, "encode" | "positions">,
  template: string,
  turns: readonly Turn[],
  message: string,
  room: number,
): { tokens: number[]; forgotten: number } {
  // What separates an answer from the next message, as the template does a message from its answer.
  const asked = (text: string) => writer.encode(template.replace(MESSAGE, () => text));
  const parts = [
    ...turns.map((turn) => [...asked(turn.message), ...writer.encode(`${turn.answer}\n\n`)]),
    asked(message),
  ];
  const limit = writer.positions - Math.min(room, Math.floor(writer.positions / 2));
  let forgotten = 0;
  const length = () => parts.slice(forgotten).reduce((sum, part) => sum + part.length, 0);
  while (forgotten < turns.length && length() > limit) forgotten++;
  if (length() > limit) {
    throw new Error(
      `the message has ${length()} tokens, and the model's ${writer.positions} positions leave room for ${limit}; ` +
        "shorten it, or lower --max-new-tokens",
    );
  }
  return { tokens: parts.slice(forgotten).flat(), forgotten };
}

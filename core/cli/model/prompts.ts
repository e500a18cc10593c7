/**
 * The prompts of conversations: by the model's chat template, or by a text with a place for the message.
 *
 * @module
 */
import type { Prompt } from "../../generate/mod.ts";
import type { ChatTemplate, Message, Tokenizer } from "../../tokenizer/mod.ts";

/** Stands for the user's message in a text. */
export const MESSAGE = "{message}";

/** Forms of fine-tuning data, by name. */
export const TEMPLATES: Readonly<Record<string, string>> = {
  /** LIMA, MAmmoTH: the request, an empty line, the answer. */
  request: `${MESSAGE}\n\n`,
  /** GSM8K, SciQ and other questions. */
  question: `Question: ${MESSAGE}\nAnswer: `,
  /** The message alone. */
  none: MESSAGE,
};

/** A message and its answer. */
export type Turn = Readonly<Record<"message" | "answer", string>>;

/** The prompt of some turns and a new message. @throws {Error} for a message that the model must not see. */
export type MakePrompt = (turns: readonly Turn[], message: string) => Prompt;

/** Prompts from a text; an empty line separates an answer from the next message. */
export function textPrompts(
  encodeOpen: (text: string) => Prompt,
  template: string,
): MakePrompt {
  const asked = (text: string) => template.replace(MESSAGE, () => text);
  return (turns, message) => {
    const before = turns.map((turn) => `${asked(turn.message)}${turn.answer}\n\n`);
    return encodeOpen([...before, asked(message)].join(""));
  };
}

/**
 * Prompts from a chat template, with the ids that the conversation had in fine-tuning.
 *
 * @param system message before the first turn, if any.
 */
export function chatPrompts(
  { encodeChat }: Pick<Tokenizer, "encodeChat">,
  template: ChatTemplate,
  system: string | undefined,
): MakePrompt {
  return (turns, message) => {
    const messages: Message[] = [
      ...(system === undefined ? [] : [{ role: "system", content: system } as const]),
      ...turns.flatMap(({ message, answer }): Message[] => [
        { role: "user", content: message },
        { role: "assistant", content: answer },
      ]),
      { role: "user", content: message },
    ];
    const token = messages.map(({ content }) => template.controlTokenIn(content)).find((one) =>
      one
    );
    if (token !== undefined) {
      throw new Error(
        `${token} in a message would be taken for the token of that name; write it in another way`,
      );
    }
    return { tokens: encodeChat({ text: template.prompt(messages), spans: [] }).tokens };
  };
}

/**
 * The prompt of a conversation so far and a new message. The oldest turns are dropped where they would leave no room for
 * the answer.
 *
 * @param positions of the model.
 * @param room tokens of the answer at most.
 * @throws {Error} when the message alone is too long.
 */
export function conversationPrompt(
  makePrompt: MakePrompt,
  turns: readonly Turn[],
  message: string,
  { positions, room }: { readonly positions: number; readonly room: number },
): { prompt: Prompt; forgotten: number } {
  const limit = positions - Math.min(room, Math.floor(positions / 2));
  for (let forgotten = 0;; forgotten++) {
    const prompt = makePrompt(turns.slice(forgotten), message);
    const { length } = prompt.tokens;
    if (length <= limit) return { prompt, forgotten };
    if (forgotten < turns.length) continue;
    throw new Error(
      `the message has ${length} tokens, and the model's ${positions} positions leave ` +
        `room for ${limit}; shorten it, or lower --max-new-tokens`,
    );
  }
}

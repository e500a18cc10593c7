/**
 * Conversations as texts: the tokenizer's chat template writes them, and says what of them is learned.
 *
 * @module
 */
import type { Document } from "@causeway/core/readers";
import {
  ChatRefusal,
  type ChatTemplate,
  chatTemplateOf,
  type FileTexts,
  learnedSpans,
} from "@causeway/core/tokenizer";
import { counted } from "@causeway/core/words";

/** Renders conversations, and counts what is left out. */
export class Conversations {
  readonly #left_out = new Map<string, { count: number; first: string }>();
  #written = 0;

  /** @param parse_special_tokens whether control tokens in messages become these tokens; else such conversations are left out. */
  constructor(
    private readonly template: ChatTemplate | undefined,
    private readonly parse_special_tokens: boolean,
  ) {}

  /**
   * A document as it is tokenized: texts as they are, conversations as their template writes them.
   *
   * @returns undefined for a conversation that is left out.
   */
  textOf<D extends Document>(document: D): D | undefined {
    const { messages, loss_on } = document;
    if (messages === undefined) return document;
    const template = this.template!;
    const token = this.parse_special_tokens
      ? undefined
      : messages.map(({ content }) => template.controlTokenIn(content)).find((one) => one);
    if (token !== undefined) {
      const why = `a control token in a message, such as ${token} (parse_special_tokens: true ` +
        "encodes it as that token)";
      return this.#leaveOut("control", why, document);
    }
    try {
      const rendered = template.conversation(messages);
      this.#written++;
      return {
        ...document,
        text: rendered.text,
        answer_spans_chars: learnedSpans(rendered, loss_on),
      };
    } catch (error) {
      if (!(error instanceof ChatRefusal)) throw error;
      return this.#leaveOut(error.message, error.message, document);
    }
  }

  #leaveOut(kind: string, why: string, { id }: Document): undefined {
    const found = this.#left_out.get(kind) ?? { count: 0, first: `${why}; the first is ${id}` };
    this.#left_out.set(kind, { ...found, count: found.count + 1 });
  }

  /**
   * What was left out since the last call, a line for each reason.
   *
   * @throws {Error} when all conversations of the dataset were.
   */
  takeLines(dataset: string): string[] {
    const lines = [...this.#left_out.values()].map(({ count, first }) =>
      `dataset "${dataset}": left out ${counted(count, "conversation")}: ${first}`
    );
    const none_written = this.#written === 0 && lines.length > 0;
    this.#left_out.clear();
    this.#written = 0;
    if (none_written) throw new Error(`no conversation can be used; ${lines.join("; ")}`);
    return lines;
  }
}

/**
 * The chat template of a tokenizer, for data with conversations.
 *
 * @param texts of the tokenizer's files.
 * @throws {Error} when there is none.
 */
export function requireTemplate(
  texts: FileTexts,
  log: (line: string) => void,
): ChatTemplate {
  const template = chatTemplateOf(texts);
  if (template === undefined) {
    throw new Error(
      "the data have conversations, and the connected tokenizer has no chat template; set chat_template " +
        'in the step that makes or imports the tokenizer or model, "plain" for a simple one',
    );
  }
  const end = template.endOfTurn();
  log(
    `conversations are written by the tokenizer's chat template; ${
      end === undefined
        ? "it ends answers with no control token, so that generation will not know where to stop"
        : `answers end with ${end}`
    }`,
  );
  return template;
}

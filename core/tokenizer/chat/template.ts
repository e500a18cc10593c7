/**
 * A chat template: a conversation as one text, and which of it a model has to write.
 *
 * Templates are Jinja, as in `tokenizer_config.json`; they are rendered by the engine of Hugging Face's JavaScript
 * tokenizers. Results equal `apply_chat_template(return_assistant_tokens_mask=True)` of transformers
 * (tests/parity/make_chat_fixtures.py).
 *
 * @module
 */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";

/** One turn of a conversation. */
export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** A conversation as text. */
export interface RenderedChat {
  readonly text: string;
  /** Pairs [start, end) in UTF-16 units, ascending: what the assistant has to write, ends of turns included. */
  readonly spans: readonly number[];
}

/** Why a template cannot render one conversation; others may be fine. */
export class ChatRefusal extends Error {}

/** Around what an assistant writes; noncharacters, which no text should have. */
const MARKS = ["\ufdd0", "\ufdd1"] as const;

/** A generation tag, the indentation of its line before it, and the line end after it. */
const GENERATION = /(^[ \t]*)?\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}(\n?)/gm;

const ENGINE = { trim_blocks: true, lstrip_blocks: true };

/** Llama's templates write the date; a fixed one keeps results the same on every day. */
const DATE: Readonly<Record<string, string>> = {
  d: "26",
  b: "Jul",
  B: "July",
  m: "07",
  Y: "2024",
  y: "24",
};
const strftime = (format: string) =>
  format.replace(/%([a-zA-Z])/g, (all, sign) => DATE[sign] ?? all);

export class ChatTemplate {
  /** Whether the template says by itself what the assistant writes: `{% generation %}`. */
  readonly is_marked: boolean;
  readonly #program: ReturnType<typeof parse>;

  /**
   * @param variables texts of special tokens, by their names in `tokenizer_config.json`: `bos_token`.
   * @param control_tokens texts of the tokens that control a model.
   * @throws {Error} when it is not a Jinja template.
   */
  constructor(
    readonly source: string,
    readonly variables: Readonly<Record<string, string>>,
    readonly control_tokens: readonly string[],
  ) {
    this.is_marked = source.search(GENERATION) >= 0;
    try {
      this.#program = parse(tokenize(withMarks(source), ENGINE));
    } catch (error) {
      throw new Error(
        `the chat template is not valid Jinja: ${(error as Error).message}; correct chat_template`,
      );
    }
  }

  /**
   * The text that an answer follows: the conversation so far, and how an answer begins.
   *
   * @throws {ChatRefusal} when the template refuses the conversation.
   */
  prompt(messages: readonly Message[]): string {
    return this.#render(messages, true).text;
  }

  /**
   * A whole conversation. Without `{% generation %}` in the template, an answer is what the text has more than that of
   * the conversation before it, up to its last control token.
   *
   * @throws {ChatRefusal} when the template refuses the conversation, or writes its beginning in another way than when it
   *   ends there: then it is not known what the assistant has to write.
   */
  conversation(messages: readonly Message[]): RenderedChat {
    const whole = this.#render(messages, false);
    if (this.is_marked) return whole;
    const spans = messages.flatMap(({ role }, k) => {
      if (role !== "assistant") return [];
      const before = this.prompt(messages.slice(0, k));
      const { text: through } = this.#render(messages.slice(0, k + 1), false);
      if (through.startsWith(before) && whole.text.startsWith(through)) {
        return [before.length, this.#endOfTurn(through, before.length)];
      }
      throw new ChatRefusal(
        `the chat template writes what is before or in message ${k + 1} in another way when more ` +
          "follows, so that it is not known what the assistant writes; put {% generation %} and " +
          "{% endgeneration %} around that in the template",
      );
    });
    return { text: whole.text, spans };
  }

  /** The control token that ends an answer; undefined where the template writes none. */
  endOfTurn(): string | undefined {
    const { text, spans } = this.conversation([
      { role: "user", content: "x" },
      { role: "assistant", content: "y" },
    ]);
    const answer = text.slice(...spans.slice(-2));
    return this.#lastControl(answer)?.token;
  }

  /** The first control token that a text contains; undefined if there is none. */
  controlTokenIn(text: string): string | undefined {
    return this.control_tokens.find((token) => text.includes(token));
  }

  #lastControl(text: string): { token: string; end: number } | undefined {
    const ends = this.control_tokens.map((token) => ({
      token,
      end: text.includes(token) ? text.lastIndexOf(token) + token.length : -1,
    }));
    // Of two that end together, one inside the other, the longer.
    return ends.filter(({ end }) => end >= 0)
      .sort((a, b) => b.end - a.end || b.token.length - a.token.length)[0];
  }

  /** Where an answer ends: at its last control token, if only blanks follow it. */
  #endOfTurn(text: string, start: number): number {
    const found = this.#lastControl(text.slice(start));
    if (found === undefined || text.slice(start + found.end).trim() !== "") return text.length;
    return start + found.end;
  }

  #render(messages: readonly Message[], add_generation_prompt: boolean): RenderedChat {
    if (messages.some(({ content }) => MARKS.some((mark) => content.includes(mark)))) {
      throw new ChatRefusal("a message has the noncharacter U+FDD0 or U+FDD1");
    }
    const environment = new Environment();
    const set = (values: object) =>
      Object.entries(values).forEach(([name, value]) => environment.set(name, value));
    set(GLOBALS);
    set(this.variables);
    set({ messages, add_generation_prompt });
    try {
      const { value } = new Interpreter(environment).run(this.#program) as { value: string };
      return withoutMarks(value);
    } catch (error) {
      throw new ChatRefusal(`the chat template says: ${(error as Error).message}`);
    }
  }
}

/** As in Jinja's sandbox: templates come with the models of other people. */
const MAX_RANGE = 100_000;

const GLOBALS = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  raise_exception(message: string) {
    throw new Error(message);
  },
  range(start: number, stop?: number, step = 1): number[] {
    const [from, to] = stop === undefined ? [0, start] : [start, stop];
    const length = Math.max(0, Math.ceil((to - from) / step));
    if (!(length <= MAX_RANGE)) throw new Error(`range of more than ${MAX_RANGE} numbers`);
    return Array.from({ length }, (_, i) => from + step * i);
  },
  strftime_now: strftime,
};

/** Writes a mark in the place of each generation tag, which the engine would ignore. */
function withMarks(source: string): string {
  return source.replace(GENERATION, (_, indent = "", before, end, after, line) => {
    // As of other tags: the blanks before one that begins a line are dropped, and the line end after it.
    const kept = before === "+" ? indent : "";
    const left = before === "-" ? "-" : "", right = after === "-" ? "-" : "";
    return `${kept}{{${left} "${MARKS[end ? 1 : 0]}" ${right}}}${after === "+" ? line : ""}`;
  });
}

function withoutMarks(marked: string): RenderedChat {
  const spans: number[] = [];
  const [first, ...rest] = marked.split(/[\ufdd0\ufdd1]/);
  let text = first;
  for (const piece of rest) {
    spans.push(text.length);
    text += piece;
  }
  // An answer without text has no span.
  const kept = spans.filter((_, i) => spans[i - i % 2] < spans[i - i % 2 + 1]);
  return { text, spans: kept };
}

/**
 * `deno task chat`: a conversation with a fine-tuned model.
 *
 * @module
 */
import type { Prompt } from "../../generate/mod.ts";
import {
  type Console,
  explain,
  paint,
  processConsole,
  stdoutColor,
  style,
} from "../shared/console.ts";
import { OUT_FLAG } from "../shared/inputs.ts";
import { defineCommand, mainOf } from "../shared/command.ts";
import { findModel, loadModel, MODEL_ARGUMENT } from "./find_model.ts";
import { GENERATION_FLAGS, type GenerationFlags, speedLine, Writer } from "./generate.ts";

/** Stands for the user's message in a template. */
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
type Turn = Readonly<Record<"message" | "answer", string>>;

/**
 * The prompt of a conversation so far and a new message, as one text. The oldest turns are dropped where they would leave
 * no room for the answer.
 *
 * @param room tokens of the answer at most.
 * @throws {Error} when the message alone is too long.
 */
export function conversationPrompt(
  writer: Pick<Writer, "encodeOpen" | "positions">,
  template: string,
  turns: readonly Turn[],
  message: string,
  room: number,
): { prompt: Prompt; forgotten: number } {
  // An empty line separates an answer from the next message.
  const asked = (text: string) => template.replace(MESSAGE, () => text);
  const parts = [
    ...turns.map((turn) => `${asked(turn.message)}${turn.answer}\n\n`),
    asked(message),
  ];
  const limit = writer.positions - Math.min(room, Math.floor(writer.positions / 2));
  for (let forgotten = 0;; forgotten++) {
    const prompt = writer.encodeOpen(parts.slice(forgotten).join(""));
    const { length } = prompt.tokens;
    if (length <= limit) return { prompt, forgotten };
    if (forgotten < turns.length) continue;
    throw new Error(
      `the message has ${length} tokens, and the model's ${writer.positions} positions leave ` +
        `room for ${limit}; shorten it, or lower --max-new-tokens`,
    );
  }
}

export const command = defineCommand({
  name: "chat",
  summary: "Holds a conversation with a fine-tuned model",
  args: [MODEL_ARGUMENT],
  flags: {
    template: {
      value: "TEXT",
      default: "request",
      help: "how a message is given to the model: request (the message and an empty line, as in " +
        'LIMA), question ("Question: … Answer: ", as in GSM8K), none, or your own text with ' +
        MESSAGE,
      expects: `${Object.keys(TEMPLATES).join(", ")} or a text with ${MESSAGE}`,
      parse: parseTemplate,
    },
    ...GENERATION_FLAGS,
    ...OUT_FLAG,
  },
  examples: [
    "deno task chat latest",
    "deno task chat quickstart/midtrained_sft --template question",
  ],
  notes:
    "Within a conversation: /new starts another, /again repeats the last message, /quit or Ctrl-D " +
    "ends it; Ctrl-C ends an answer.",
});

/** A template by name, or a text in which "\\n" is a line end. */
function parseTemplate(text: string): string | undefined {
  const template = Object.hasOwn(TEMPLATES, text) ? TEMPLATES[text] : text.replaceAll("\\n", "\n");
  return template.includes(MESSAGE) ? template : undefined;
}

/** Where a conversation is read from and written to. */
export interface ChatTerminal {
  /** The next line of the user; undefined at the end of input. */
  ask(question: string): string | undefined | Promise<string | undefined>;
  write(text: string): void;
  readonly color: boolean;
  /** Calls back when the user interrupts an answer; returns what undoes that. */
  onInterrupt(listener: () => void): () => void;
}

/** Runs the command; returns the exit code. */
export function main(
  args: readonly string[],
  io: Console = processConsole(),
  terminal: ChatTerminal = processTerminal(),
) {
  return mainOf(command, async ({ flags, args: [name] }, io) => {
    const named = await findModel(name, flags.out);
    const writer = new Writer(await loadModel(named, io.err), flags);
    io.err(`${named.label}. /new starts another conversation, /quit ends it.`);
    try {
      await new Conversation(writer, flags, terminal, io).hold();
    } finally {
      await writer.release();
    }
  })(args, io);
}

class Conversation {
  #turns: Turn[] = [];
  /** Number of the next answer: it seeds its random numbers. */
  #sample = 0;

  constructor(
    private readonly writer: Writer,
    private readonly options: GenerationFlags & { readonly template: string },
    private readonly terminal: ChatTerminal,
    private readonly io: Console,
  ) {}

  /** Reads messages and answers them, until the user ends it. */
  async hold(): Promise<void> {
    while (true) {
      const line = (await this.terminal.ask("> "))?.trim();
      if (line === undefined || line === "/quit") return;
      if (line === "") continue;
      if (line === "/new") this.#turns = [];
      else if (line === "/again") await this.#again();
      else if (line.startsWith("/")) this.io.err("the commands are /new, /again and /quit");
      else await this.#answer(line);
    }
  }

  #again(): Promise<void> | void {
    const last = this.#turns.pop();
    if (last) return this.#answer(last.message);
    this.io.err("there is no message to repeat yet");
  }

  async #answer(message: string): Promise<void> {
    const { writer, terminal, io, options: { template, max_new_tokens } } = this;
    const controller = new AbortController();
    const undo = terminal.onInterrupt(() => controller.abort());
    let answer = "";
    try {
      const turns = this.#turns;
      const { prompt, forgotten } = conversationPrompt(
        writer,
        template,
        turns,
        message,
        max_new_tokens,
      );
      turns.splice(0, forgotten);
      const written = await writer.write({ ...prompt, sample: this.#sample++ }, (piece) => {
        answer += piece;
        terminal.write(paint(piece));
      }, controller.signal);
      terminal.write("\n");
      io.err(style(speedLine(written), "dim", terminal.color));
    } catch (error) {
      terminal.write("\n");
      if (!controller.signal.aborted) return io.err(`Error: ${explain(error)}`);
    } finally {
      undo();
    }
    this.#turns.push({ message, answer: answer.trim() });
  }
}

function processTerminal(): ChatTerminal {
  const is_terminal = Deno.stdin.isTerminal();
  const lines = is_terminal ? undefined : inputLines();
  return {
    color: stdoutColor(),
    ask: async (question) =>
      lines
        ? (await lines.next()).value as string | undefined
        : prompt(question.trimEnd()) ?? undefined,
    write: (text) => Deno.stdout.writeSync(new TextEncoder().encode(text)),
    onInterrupt(listener) {
      Deno.addSignalListener("SIGINT", listener);
      return () => Deno.removeSignalListener("SIGINT", listener);
    },
  };
}

async function* inputLines(): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

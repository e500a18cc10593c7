/**
 * `deno task chat`: a conversation with a fine-tuned model.
 *
 * @module
 */
import { openChatTemplate } from "../../tokenizer/mod.ts";
import {
  type Console,
  explain,
  paint,
  processConsole,
  stdoutColor,
  style,
  UsageError,
} from "../shared/console.ts";
import { OUT_FLAG } from "../shared/inputs.ts";
import { defineCommand, mainOf } from "../shared/command.ts";
import { findModel, loadModel, MODEL_ARGUMENT } from "./find_model.ts";
import {
  chatPrompts,
  conversationPrompt,
  type MakePrompt,
  MESSAGE,
  TEMPLATES,
  textPrompts,
  type Turn,
} from "./prompts.ts";
import { GENERATION_FLAGS, type GenerationFlags, speedLine, Writer } from "./generate.ts";

export const command = defineCommand({
  name: "chat",
  summary: "Holds a conversation with a fine-tuned model",
  args: [MODEL_ARGUMENT],
  flags: {
    template: {
      value: "TEXT",
      help:
        "how a message is given to a model without a chat template, or in place of it: request (the " +
        'message and an empty line, as in LIMA; the default), question ("Question: … Answer: ", as in ' +
        "GSM8K), none, or your own text with " + MESSAGE,
      expects: `${Object.keys(TEMPLATES).join(", ")} or a text with ${MESSAGE}`,
      parse: parseTemplate,
    },
    system: { value: "TEXT", help: "system message, for a model with a chat template" },
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
    const { makePrompt, by } = await promptsOf(writer, flags);
    io.err(`${named.label}, ${by}. /new starts another conversation, /quit ends it.`);
    try {
      await new Conversation(writer, makePrompt, flags, terminal, io).hold();
    } finally {
      await writer.release();
    }
  })(args, io);
}

/** Prompts by the model's chat template, unless there is none or `--template` names another form. */
async function promptsOf(
  writer: Writer,
  { template, system }: { readonly template?: string; readonly system?: string },
): Promise<{ makePrompt: MakePrompt; by: string }> {
  const { tokenizer, files } = writer.model;
  const own = template === undefined ? await openChatTemplate(files) : undefined;
  if (own) return { makePrompt: chatPrompts(tokenizer, own, system), by: "by its chat template" };
  if (system !== undefined) {
    throw new UsageError(
      template === undefined
        ? "--system is for a model with a chat template, and this one has none"
        : "--system is part of the model's chat template; remove --template",
    );
  }
  const used = template ?? TEMPLATES.request;
  const makePrompt = textPrompts((text) => writer.encodeOpen(text), used);
  return { makePrompt, by: `by the form ${JSON.stringify(used)}` };
}

class Conversation {
  #turns: Turn[] = [];
  /** Number of the next answer: it seeds its random numbers. */
  #sample = 0;

  constructor(
    private readonly writer: Writer,
    private readonly makePrompt: MakePrompt,
    private readonly options: GenerationFlags,
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
    const { writer, terminal, io, makePrompt, options: { max_new_tokens: room } } = this;
    const controller = new AbortController();
    const undo = terminal.onInterrupt(() => controller.abort());
    let answer = "";
    try {
      const turns = this.#turns;
      const { positions } = writer;
      const { prompt, forgotten } = conversationPrompt(makePrompt, turns, message, {
        positions,
        room,
      });
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

/**
 * `deno task chat`: a conversation with a fine-tuned model.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { checkFlags, type Console, processConsole, UsageError } from "../shared/console.ts";
import { conversationTokens, MESSAGE, TEMPLATES, type Turn } from "./conversation.ts";
import { explain } from "../shared/explain.ts";
import { style } from "../shared/format.ts";
import { speedLine } from "./generate.ts";
import {
  GENERATION_HELP,
  GENERATION_STRINGS,
  type GenerationFlags,
  generationFlags,
} from "./generation_flags.ts";
import { loadModel } from "./load_model.ts";
import { findModel, MODEL_HELP } from "./model_ref.ts";
import { Writer } from "./writer.ts";

const HELP = `Talks with a model that was fine-tuned on instructions.

Usage: deno task chat RUN [options]

${MODEL_HELP}

  --template TEXT     how a message is put to the model: request (the message and an empty line, as
                      LIMA has it), question ("Question: … Answer: ", as GSM8K has it), none, or a
                      text of your own with ${MESSAGE} in it (default: request)
${GENERATION_HELP}
  --out DIR           folder with the results (default: out)
  --help              print this

Within a conversation: /new begins another, /again asks the same again, /quit or Ctrl-D ends it;
Ctrl-C ends an answer.`;

interface Options extends GenerationFlags {
  model: string;
  template: string;
  out: string;
}

/** Where a conversation is read from and written to. */
export interface ChatTerminal {
  /** A line of the person; undefined when there are no more. */
  ask(question: string): string | undefined | Promise<string | undefined>;
  write(text: string): void;
  readonly color: boolean;
  /** Calls back when the person wants the answer to end; returns what undoes that. */
  onInterrupt(listener: () => void): () => void;
}

function parseOptions(args: readonly string[]): Options | undefined {
  const string = [...GENERATION_STRINGS, "template", "out"] as const;
  const known = checkFlags([...string, "help"], "deno task chat");
  const flags = parseArgs(args, {
    string: [...string, "_"],
    boolean: ["help"],
    collect: ["stop"],
    alias: { help: "h" },
    default: { out: "out", template: "request" },
    unknown: (arg, key) => key === undefined ? undefined : known(arg, key),
  });
  if (flags.help) return undefined;
  const [model, ...more] = flags._.map(String);
  if (model === undefined) throw new UsageError("which model? See deno task chat --help");
  if (more.length > 0) throw new UsageError(`one model at a time; "${more[0]}" is one too many`);
  const template = TEMPLATES[flags.template] ?? flags.template.replaceAll("\\n", "\n");
  if (!template.includes(MESSAGE)) {
    const names = Object.keys(TEMPLATES).join(", ");
    throw new UsageError(`--template takes ${names}, or a text with ${MESSAGE} in it`);
  }
  return { ...generationFlags(flags), model, template, out: flags.out };
}

/** Runs the command; returns the exit code. */
export async function main(
  args: readonly string[],
  io: Console = processConsole(),
  terminal: ChatTerminal = processTerminal(),
) {
  try {
    const options = parseOptions(args);
    if (!options) return io.out(HELP), 0;
    const named = await findModel(options.model, options.out);
    const writer = new Writer(await loadModel(named), options);
    io.err(`${named.label}. /new begins another conversation, /quit ends.`);
    try {
      await new Conversation(writer, options, terminal, io).hold();
    } finally {
      await writer.release();
    }
    return 0;
  } catch (error) {
    io.err(`Error: ${explain(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

class Conversation {
  #turns: Turn[] = [];
  /** Number of the next answer among all: it names the random numbers. */
  #sample = 0;

  constructor(
    private readonly writer: Writer,
    private readonly options: Options,
    private readonly terminal: ChatTerminal,
    private readonly io: Console,
  ) {}

  /** Goes on until the person ends it. */
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
    this.io.err("nothing was asked yet");
  }

  async #answer(message: string): Promise<void> {
    const { writer, terminal, io, options: { template, max_new_tokens } } = this;
    const controller = new AbortController();
    const undo = terminal.onInterrupt(() => controller.abort());
    let answer = "";
    try {
      const { tokens, forgotten } = conversationTokens(
        writer,
        template,
        this.#turns,
        message,
        max_new_tokens,
      );
      if (forgotten > 0) this.#turns.splice(0, forgotten);
      const written = await writer.write({ tokens, sample: this.#sample++ }, (piece) => {
        answer += piece;
        terminal.write(piece);
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
    color: Deno.stdout.isTerminal() && !Deno.noColor,
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

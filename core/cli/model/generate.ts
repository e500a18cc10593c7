/**
 * `deno task generate`: continues a prompt with a trained model. Chat shares its flags and its writer.
 *
 * @module
 */
import { type Completion, Decoder, generate, type Prompt, TextStream } from "../../generate/mod.ts";
import { hostWeights, type Weights } from "../../model/mod.ts";
import { openChatTemplate } from "../../tokenizer/mod.ts";
import { type Console, paint, processConsole, UsageError } from "../shared/console.ts";
import { OUT_FLAG } from "../shared/inputs.ts";
import { count, defineCommand, type Flags, mainOf, real, type Values } from "../shared/command.ts";
import { counted } from "../../words/mod.ts";
import { chatPrompts } from "./prompts.ts";
import { findModel, type LoadedModel, loadModel, MODEL_ARGUMENT } from "./find_model.ts";

export const GENERATION_FLAGS = {
  max_new_tokens: count("128", "generate at most N tokens", 1),
  temperature: {
    value: "T",
    default: "0.8",
    help: "0 takes the most likely token each time; 1 samples from the model's distribution",
    ...real(0),
  },
  top_k: count("50", "sample among the N most likely tokens; 0: all"),
  top_p: {
    value: "P",
    default: "1",
    help: "sample among the most likely tokens with this total probability",
    expects: "a number > 0 and <= 1",
    parse: (text: string) => real(0, 1).parse(text) || undefined,
  },
  min_p: {
    value: "P",
    default: "0",
    help:
      "sample among tokens with at least P times the probability of the most likely one; 0: all",
    ...real(0, 1),
  },
  repetition_penalty: {
    value: "R",
    default: "1",
    help: "make tokens that the text has less likely; 1: no penalty, 1.2 is usual",
    expects: "a number > 0",
    parse: (text: string) => real(0).parse(text) || undefined,
  },
  stop: { value: "TEXT", many: true, help: "end before this text" },
  seed: count("0", "the same seed gives the same text"),
  threads: count("0", "threads to compute with; 0: one per core", 0, 1024),
} as const satisfies Flags;

/** How tokens are chosen, and when a text ends. */
export type GenerationFlags = Values<typeof GENERATION_FLAGS>;

export const command = defineCommand({
  name: "generate",
  summary: "Continues a prompt with a trained model",
  args: [
    MODEL_ARGUMENT,
    { name: "PROMPT", help: 'text to continue, in quotes; "-" reads it from standard input' },
  ],
  flags: {
    ...GENERATION_FLAGS,
    count: count("1", "number of texts, each with its own random numbers", 1),
    chat: {
      help:
        "PROMPT is a message to the model, which its chat template makes a prompt of; only the answer is printed",
    },
    json: {
      help: "print one JSON object per text, unaltered; plain text shows control characters",
    },
    ...OUT_FLAG,
  },
  examples: [
    'deno task generate latest "Once upon a time"',
    'deno task generate latest --chat "What is 1 + 1?"',
  ],
});

/** Runs the command; returns the exit code. */
export function main(
  args: readonly string[],
  io: Console = processConsole(),
  write: (text: string) => void = (text) => Deno.stdout.writeSync(new TextEncoder().encode(text)),
) {
  return mainOf(command, async ({ flags, args: [name, given] }, io) => {
    const named = await findModel(name, flags.out);
    const prompt = given === "-" ? await new Response(Deno.stdin.readable).text() : given;
    const writer = new Writer(await loadModel(named, io.err), flags);
    try {
      await writeAll(writer, prompt, flags, io, (text) => write(paint(text)));
    } finally {
      await writer.release();
    }
  })(args, io);
}

async function writeAll(
  writer: Writer,
  prompt: string,
  { count, json, chat }: { readonly count: number; readonly json: boolean; readonly chat: boolean },
  io: Console,
  write: (text: string) => void,
): Promise<void> {
  const tokens = chat ? await messageTokens(writer, prompt) : writer.encode(prompt);
  for (let sample = 0; sample < count; sample++) {
    if (json) {
      const { text, tokens: { length }, finish } = await writer.write({ tokens, sample }, () => {});
      io.out(JSON.stringify({ prompt, text, tokens: length, finish }));
      continue;
    }
    if (count > 1) write(`${sample === 0 ? "" : "\n"}--- ${sample + 1} of ${count}\n`);
    if (!chat) write(prompt);
    const written = await writer.write({ tokens, sample }, write);
    write("\n");
    io.err(speedLine(written));
  }
}

/** @throws {UsageError} when the model has no chat template. */
async function messageTokens({ model }: Writer, message: string): Promise<ArrayLike<number>> {
  const template = await openChatTemplate(model.files);
  if (template) return chatPrompts(model.tokenizer, template, undefined)([], message).tokens;
  throw new UsageError(`--chat needs a chat template, and ${model.label} has none; remove --chat`);
}

/** "128 tokens in 0.6 s (213 tokens/s), stopped at the token limit". */
export function speedLine({ tokens: { length }, seconds, finish }: Written): string {
  const why = {
    end_of_text: "ended by the model",
    stop: "stopped at a stop text",
    length: "stopped at the token limit",
  }[finish];
  const speed = (length / seconds).toFixed(0);
  return `${counted(length, "token")} in ${seconds.toFixed(1)} s (${speed} tokens/s), ${why}`;
}

/** What one prompt gave. */
export interface Written extends Completion {
  readonly seconds: number;
}

/** Generates with one model, one text at a time. */
export class Writer {
  readonly #decoder: Decoder;
  readonly #weights: Weights;

  constructor(readonly model: LoadedModel, readonly flags: GenerationFlags) {
    this.#decoder = new Decoder({ batch_size: 1, threads: flags.threads, device: "cpu" });
    this.#weights = hostWeights(model.parameters);
  }

  /** Longest sequence of the model, in tokens. */
  get positions(): number {
    return this.model.parameters.config.max_position_embeddings;
  }

  /** Token ids of a prompt, which begin as those of a document do. */
  encode(prompt: string): number[] {
    return this.model.tokenizer.encodePrompt(prompt);
  }

  /** Those of a prompt that an answer follows, see `Tokenizer.encodeOpenPrompt`. */
  encodeOpen(prompt: string): Prompt {
    return this.model.tokenizer.encodeOpenPrompt(prompt);
  }

  /**
   * Continues a prompt.
   *
   * @param onText called with each piece of text, in order.
   * @throws {Error} when the prompt fills all positions of the model; the signal's reason when it is aborted.
   */
  async write(
    prompt: Prompt,
    onText: (piece: string) => void,
    signal?: AbortSignal,
  ): Promise<Written> {
    const { tokenizer } = this.model, began = performance.now();
    const stream = new TextStream(tokenizer, this.flags.stop, prompt);
    const [completion] = await generate(this.#decoder, this.#weights, tokenizer, [prompt], {
      ...this.flags,
      signal,
      onToken: (_, token) => onText(stream.push(token)),
    });
    onText(stream.end(completion.text));
    return { ...completion, seconds: (performance.now() - began) / 1000 };
  }

  release(): Promise<void> {
    return this.#decoder.release();
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));

/**
 * `deno task generate`: continues a prompt with a trained model.
 *
 * @module
 */
import { type Console, processConsole } from "../shared/console.ts";
import { OUT_FLAG } from "../shared/find_run.ts";
import { defineCommand, whole } from "../shared/flags.ts";
import { runMain } from "../shared/main.ts";
import { findModel, loadModel, MODEL_ARGUMENT } from "./find_model.ts";
import { GENERATION_FLAGS, Writer, type Written } from "./generation.ts";

export const command = defineCommand({
  name: "generate",
  summary: "Continues a prompt with a trained model",
  args: [
    MODEL_ARGUMENT,
    { name: "PROMPT", help: 'text to continue, in quotes; "-" reads it from standard input' },
  ],
  flags: {
    ...GENERATION_FLAGS,
    count: {
      value: "N",
      default: "1",
      help: "number of texts, each with its own random numbers",
      ...whole(1),
    },
    json: { help: "print one JSON object per text" },
    ...OUT_FLAG,
  },
  examples: ['deno task generate latest "Once upon a time"'],
});

/** Runs the command; returns the exit code. */
export function main(
  args: readonly string[],
  io: Console = processConsole(),
  write: (text: string) => void = (text) => Deno.stdout.writeSync(new TextEncoder().encode(text)),
) {
  return runMain(command, args, io, async ({ flags, args: [name, given] }) => {
    const named = await findModel(name, flags.out);
    const prompt = given === "-" ? await readInput() : given;
    const writer = new Writer(await loadModel(named), flags);
    try {
      await writeAll(writer, prompt, flags, io, write);
    } finally {
      await writer.release();
    }
  });
}

async function writeAll(
  writer: Writer,
  prompt: string,
  { count, json }: { count: number; json: boolean },
  io: Console,
  write: (text: string) => void,
): Promise<void> {
  const tokens = writer.encode(prompt);
  for (let sample = 0; sample < count; sample++) {
    if (json) {
      const { text, tokens: { length }, finish } = await writer.write({ tokens, sample }, () => {});
      io.out(JSON.stringify({ prompt, text, tokens: length, finish }));
      continue;
    }
    if (count > 1) write(`${sample === 0 ? "" : "\n"}--- ${sample + 1} of ${count}\n`);
    write(prompt);
    const written = await writer.write({ tokens, sample }, write);
    write("\n");
    io.err(speedLine(written));
  }
}

/** "128 tokens in 0.6 s (213 tokens/s), stopped at the token limit". */
export function speedLine({ tokens: { length }, seconds, finish }: Written): string {
  const why = {
    end_of_text: "ended by the model",
    stop: "stopped at a stop text",
    length: "stopped at the token limit",
  }[finish];
  const speed = (length / seconds).toFixed(0);
  return `${length} tokens in ${seconds.toFixed(1)} s (${speed} tokens/s), ${why}`;
}

async function readInput(): Promise<string> {
  return await new Response(Deno.stdin.readable).text();
}

if (import.meta.main) Deno.exit(await main(Deno.args));

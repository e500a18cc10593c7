/**
 * `deno task generate`: text of a trained model.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { checkFlags, type Console, processConsole, UsageError } from "../shared/console.ts";
import { explain } from "../shared/explain.ts";
import {
  GENERATION_HELP,
  GENERATION_STRINGS,
  type GenerationFlags,
  generationFlags,
} from "./generation_flags.ts";
import { loadModel } from "./load_model.ts";
import { findModel, MODEL_HELP } from "./model_ref.ts";
import { Writer, type Written } from "./writer.ts";

const HELP = `Goes on with a prompt.

Usage: deno task generate RUN "PROMPT" [options]

${MODEL_HELP}

A prompt of "-" is read from standard input.

${GENERATION_HELP}
  --count N           texts, each with random numbers of its own (default: 1)
  --json              one JSON object a text instead of the text itself
  --out DIR           folder with the results (default: out)
  --help              print this`;

interface Options extends GenerationFlags {
  model: string;
  prompt: string;
  count: number;
  json: boolean;
  out: string;
}

function parseOptions(args: readonly string[]): Options | undefined {
  const string = [...GENERATION_STRINGS, "count", "out"] as const;
  const boolean = ["json", "help"] as const;
  const known = checkFlags([...string, ...boolean], "deno task generate");
  const flags = parseArgs(args, {
    string: [...string, "_"],
    boolean,
    collect: ["stop"],
    alias: { help: "h" },
    default: { out: "out", count: "1" },
    unknown: (arg, key) => key === undefined ? undefined : known(arg, key),
  });
  if (flags.help) return undefined;
  const [model, prompt, ...more] = flags._.map(String);
  if (model === undefined || prompt === undefined) {
    throw new UsageError(
      'it takes a model and a prompt: deno task generate latest "Once upon a time"',
    );
  }
  if (more.length > 0) {
    throw new UsageError(`put the prompt in quotes; "${more[0]}" is one word too many`);
  }
  if (!/^[1-9]\d*$/.test(flags.count)) {
    throw new UsageError(`--count takes a number of at least 1, not ${flags.count || "nothing"}`);
  }
  const { json, out } = flags;
  return { ...generationFlags(flags), model, prompt, count: Number(flags.count), json, out };
}

/** Runs the command; returns the exit code. */
export async function main(
  args: readonly string[],
  io: Console = processConsole(),
  write: (text: string) => void = (text) => Deno.stdout.writeSync(new TextEncoder().encode(text)),
) {
  try {
    const options = parseOptions(args);
    if (!options) return io.out(HELP), 0;
    const named = await findModel(options.model, options.out);
    const prompt = options.prompt === "-" ? await readInput() : options.prompt;
    const writer = new Writer(await loadModel(named), options);
    try {
      await writeAll(writer, prompt, options, io, write);
    } finally {
      await writer.release();
    }
    return 0;
  } catch (error) {
    io.err(`Error: ${explain(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function writeAll(
  writer: Writer,
  prompt: string,
  { count, json }: Options,
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

/** "128 tokens in 0.6 s (213 tokens/s), ended by its length". */
export function speedLine({ tokens: { length }, seconds, finish }: Written): string {
  const why = { end_of_text: "end of text", stop: "a stop text", length: "its length" }[finish];
  return `${length} tokens in ${seconds.toFixed(1)} s (${
    (length / seconds).toFixed(0)
  } tokens/s), ` +
    `ended by ${why}`;
}

async function readInput(): Promise<string> {
  return await new Response(Deno.stdin.readable).text();
}

if (import.meta.main) Deno.exit(await main(Deno.args));

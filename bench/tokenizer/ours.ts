/**
 * Causeway's side of the tokenizer benchmark: a process that trains and encodes on request.
 *
 * @module
 */
import {
  EncoderPool,
  END_OF_TEXT,
  loadTokenizer,
  type TokenArray,
  tokenizerFiles,
  trainByteLevelBpe,
} from "@causeway/core/tokenizer";
import { serveRequests, timed, timedPasses } from "../shared/processes.ts";
import { readPackedTexts } from "./texts.ts";

interface Setting {
  vocab_size: number;
  min_frequency: number;
}

let texts: string[], odd: string[], workers: number;
let files: { "tokenizer.json": string; "tokenizer_config.json": string };
let pool: EncoderPool | undefined;
let task: () => Promise<unknown>;

function train({ vocab_size, min_frequency }: Setting) {
  const special_tokens = [END_OF_TEXT];
  return trainByteLevelBpe(texts, { vocab_size, min_frequency, special_tokens, workers });
}

/**
 * Encodes all texts. @returns the number of tokens, including end-of-text tokens, which the other side does not add.
 */
async function encode(): Promise<number> {
  let tokens = 0;
  for await (const encoded of pool!.encode(texts.map((text) => ({ text })))) {
    tokens += encoded.tokens.length;
  }
  return tokens;
}

function newPool(): void {
  pool?.close();
  pool = new EncoderPool(files, { workers });
}

function writeIds(file: string, ids: readonly (TokenArray | readonly number[])[]): void {
  const out = new Uint32Array(ids.reduce((sum, { length }) => sum + 1 + length, 0));
  let at = 0;
  for (const tokens of ids) {
    out[at] = tokens.length;
    out.set(tokens, at + 1);
    at += 1 + tokens.length;
  }
  Deno.writeFileSync(file, new Uint8Array(out.buffer));
}

await serveRequests({
  prepare(given: { texts: string; odd: string; threads: number }) {
    texts = readPackedTexts(given.texts);
    odd = readPackedTexts(given.odd);
    workers = given.threads;
    return {};
  },

  /** Trains and writes tokenizer.json. */
  async save({ file, ...setting }: Setting & { file: string }) {
    await Deno.writeTextFile(file, tokenizerFiles(await train(setting))["tokenizer.json"]);
    return {};
  },

  async load({ file, config }: { file: string; config: string }) {
    files = { "tokenizer.json": await Deno.readTextFile(file), "tokenizer_config.json": config };
    const { kind } = await loadTokenizer(files["tokenizer.json"], config);
    newPool();
    return { kind };
  },

  /** Writes the ids: for each text their number, then the ids, all uint32. */
  async ids({ file }: { file: string }) {
    const ids: TokenArray[] = [];
    for await (const { tokens } of pool!.encode([...texts, ...odd].map((text) => ({ text })))) {
      ids.push(tokens.slice(0, -1)); // without end of text
    }
    writeIds(file, ids);
    return {};
  },

  /**
   * The pipeline of parts on the first texts of each kind, up to `max_chars`: its speed, and texts whose ids
   * differ.
   */
  async library({ max_chars }: { max_chars: number }) {
    const tokenizer = await loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"], {
      kind: "pipeline",
    });
    const upTo = (given: readonly string[]) => {
      let chars = 0;
      return given.filter(({ length }) => length < max_chars / 10 && (chars += length) < max_chars);
    };
    const part = upTo(texts);
    const { seconds, result } = await timed(() => part.map((text) => tokenizer.encode(text)));
    const own = await loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);
    const differ = (given: readonly string[], ids: readonly TokenArray[]) =>
      given.filter((text, i) => own.encode(text).join() !== ids[i].join()).length;
    const odd_part = upTo(odd);
    return {
      seconds,
      bytes: part.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0),
      texts: part.length,
      different: differ(part, result),
      odd_texts: odd_part.length,
      odd_different: differ(odd_part, odd_part.map((text) => tokenizer.encode(text))),
    };
  },

  /** Seconds of the first pass: workers start, load the tokenizer, and have no cached words. */
  async first() {
    newPool();
    task = encode;
    return { seconds: (await timed(encode)).seconds };
  },

  choose_train(setting: Setting) {
    task = () => train(setting);
    return {};
  },

  passes: ({ count }: { count: number }) => timedPasses(count, task),
});

pool?.close();

/**
 * What tests of the stage share: made-up rows, and runs on a file of them.
 *
 * @module
 */
import { fakeContext } from "../../../tests/shared/fake_context.ts";
import { loadTokenizer, type LossOn } from "@causeway/core/tokenizer";
import { tokenize } from "../mod.ts";

const WORDS = ["alpha", "beta", "gamma", "delta", "größe", "12", "x = y;", "🙂"];

/** Rows of made text, each different, with a question to use as a prompt. */
export function rows(count: number): { question: string; text: string; topic: string }[] {
  return Array.from({ length: count }, (_, i) => ({
    question: `What is ${i}?`,
    text: [`number ${i}`, ...Array.from({ length: 19 }, (_, k) => WORDS[(i + k * k) % 8])].join(
      " ",
    ),
    topic: `topic ${i % 5}`,
  }));
}

export async function withFile(
  content: string | Uint8Array,
  use: (path: string) => Promise<void>,
  suffix = ".jsonl",
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix });
  try {
    await Deno.writeFile(
      path,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

export const lines = (records: readonly unknown[]) =>
  records.map((row) => JSON.stringify(row)).join("\n");

export interface Extra {
  max_bytes?: number;
  loss_on?: LossOn;
  records?: Record<string, unknown>;
  config?: Record<string, unknown>;
}

export function start(path: string, { max_bytes, loss_on, records, config }: Extra = {}) {
  const entry = { dataset: "mine", max_bytes, loss_on, records: { path, ...records } };
  return fakeContext(tokenize, {
    config: { sources: { general: [entry] }, vocab_size: 300, ...config } as never,
    inputs: {},
  });
}

export async function run(path: string, extra: Extra = {}) {
  const fake = await start(path, extra);
  await tokenize.run(fake.ctx);
  const out = fake.collected();
  const file = (name: string) => new TextDecoder().decode(out.tokenizer.get(name));
  const tokenizer = await loadTokenizer(file("tokenizer.json"), file("tokenizer_config.json"));
  const texts = (split: "train" | "validation") => {
    const { values, offsets } = out[split].tokens;
    return Array.from(
      { length: offsets.length - 1 },
      (_, i) => tokenizer.decode([...values.subarray(offsets[i], offsets[i + 1])]),
    );
  };
  return { out, tokenizer, texts, fake };
}

/**
 * The tokenize stage: from datasets to a tokenizer and tables of tokenized documents.
 *
 * @module
 */
import { defineStage } from "../../core/stage/mod.ts";
import {
  END_OF_TEXT,
  loadTokenizer,
  type TokenizerFiles,
  tokenizerFiles,
  trainByteLevelBpe,
} from "../../core/tokenizer/mod.ts";
import { cardOf, config } from "./config.ts";
import { DocumentReader } from "./documents.ts";
import { encodeAll } from "./encode.ts";
import { type Context, inputs, outputs } from "./ports.ts";
import { sample, type Survey, survey } from "./survey.ts";

export const tokenize = defineStage({
  name: "tokenize",
  version: "2",
  description: "Reads datasets, learns or takes over a tokenizer, and tokenizes every document.",
  config,
  inputs,
  outputs,
  async run(ctx: Context) {
    const { config, signal, log } = ctx;
    const reader = new DocumentReader({ max_bytes: config.max_document_bytes, signal, log });
    const surveys = await surveyAll(ctx, reader);
    const files = await provideTokenizer(ctx, reader, surveys);
    await encodeAll(ctx, reader, surveys, files);
  },
});

async function surveyAll(ctx: Context, reader: DocumentReader): Promise<Survey[]> {
  const surveys: Survey[] = [];
  // By name, so that the order in which a recipe lists its sources changes nothing.
  for (const source of Object.keys(ctx.config.sources).sort()) {
    for (const entry of ctx.config.sources[source]) {
      const card = cardOf(entry);
      ctx.log(`reading ${card.name} (${card.title})`);
      const part = { source, card, max_bytes: entry.max_bytes ?? Infinity };
      surveys.push(await survey(part, reader.read(card, "looking through"), ctx.config));
    }
  }
  return surveys;
}

/** Writes the tokenizer output: the connected tokenizer as it is, or one learned from the training texts. */
async function provideTokenizer(
  ctx: Context,
  reader: DocumentReader,
  surveys: readonly Survey[],
): Promise<TokenizerFiles> {
  const files = await tokenizerSource(ctx, reader, surveys);
  for (const name of Object.keys(files).sort()) {
    await ctx.outputs.tokenizer.write(name, files[name as keyof typeof files]);
  }
  // Whatever is wrong with a tokenizer is found here, before the workers load it.
  const { kind, vocab_size } = await loadTokenizer(
    files["tokenizer.json"],
    files["tokenizer_config.json"],
  );
  ctx.log(
    `tokenizer of ${vocab_size} tokens${kind === "library" ? ", of a kind that is slow here" : ""}`,
  );
  return files;
}

async function tokenizerSource(
  ctx: Context,
  reader: DocumentReader,
  surveys: readonly Survey[],
): Promise<TokenizerFiles> {
  const given = ctx.inputs.tokenizer;
  if (given !== undefined) {
    return {
      "tokenizer.json": await given.text("tokenizer.json"),
      "tokenizer_config.json": await given.text("tokenizer_config.json"),
    };
  }
  const { vocab_size, min_frequency, tokenizer_bytes } = ctx.config;
  ctx.log(`learning a vocabulary of ${vocab_size} tokens`);
  const texts = tokenizerTexts(reader, surveys, tokenizer_bytes);
  const model = await trainByteLevelBpe(texts, {
    vocab_size,
    min_frequency,
    special_tokens: [END_OF_TEXT],
    signal: ctx.signal,
  });
  if (model.vocabulary.length < vocab_size) {
    ctx.log(
      `the texts hold pairs for ${model.vocabulary.length} tokens only, ${vocab_size} were asked for`,
    );
  }
  return tokenizerFiles(model);
}

/** Training documents up to a number of bytes, from each dataset in proportion to what is taken of it. */
async function* tokenizerTexts(
  reader: DocumentReader,
  surveys: readonly Survey[],
  tokenizer_bytes: number,
): AsyncGenerator<string> {
  const eligible = surveys.map(({ taken, held_out }) => taken.map((t, i) => t & ~held_out[i]));
  const bytes = surveys.map(({ sizes }, s) =>
    sizes.reduce((sum, size, i) => eligible[s][i] ? sum + size : sum, 0)
  );
  const share = tokenizer_bytes / bytes.reduce((sum, part) => sum + part, 0);
  for (const [s, { card, sizes, draws }] of surveys.entries()) {
    const drawn = sample(sizes, draws, share * bytes[s], eligible[s]);
    let index = 0;
    for await (const { text } of reader.read(card, "learning from")) if (drawn[index++]) yield text;
  }
}

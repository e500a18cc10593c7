/**
 * The tokenize stage: from datasets to a tokenizer and tables of tokenized documents.
 *
 * @module
 */
import {
  defineStage,
  type ports,
  type TableInput,
  type TokenizerForecast,
} from "../../core/stage/mod.ts";
import {
  END_OF_TEXT,
  loadTokenizer,
  type TokenizerFiles,
  tokenizerFiles,
  trainByteLevelBpe,
  vocabularySize,
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
    await assertUnchanged(config);
  },
  async forecast({ config, parents, results }) {
    const given = parents.tokenizer as TokenizerForecast | undefined;
    if (!results) return { outputs: { tokenizer: given ?? { vocab_size: config.vocab_size } } };
    const vocab_size = vocabularySize(await results.tokenizer.text("tokenizer.json"));
    const [train, validation] = await splitTokens(results.summary);
    return {
      outputs: {
        tokenizer: { vocab_size },
        train: { sources: train },
        validation: { sources: validation },
      },
    };
  },
});

/** Tokens and documents by source: of the training split, and of what is held out. */
async function splitTokens(
  summary: TableInput<typeof ports.dataset_summary.columns>,
): Promise<Record<string, { tokens: number; documents: number }>[]> {
  const counts: Record<string, Record<string, { tokens: number; documents: number }>> = {};
  for await (const batch of summary.batches(["source", "split", "documents", "tokens"])) {
    batch.source.forEach((source, i) => {
      const split = counts[batch.split[i]] ??= {};
      const { tokens, documents } = split[source] ?? { tokens: 0, documents: 0 };
      split[source] = {
        tokens: tokens + batch.tokens[i],
        documents: documents + batch.documents[i],
      };
    });
  }
  return [counts.train ?? {}, counts.validation ?? {}];
}

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

/**
 * Makes sure that what was read is what the config's revisions stand for, since results are kept under their key.
 *
 * @throws {Error} naming the dataset that was changed meanwhile.
 */
async function assertUnchanged({ sources }: Context["config"]): Promise<void> {
  for (const entry of Object.values(sources).flat()) {
    if (await cardOf(entry).revision() === entry.revision) continue;
    throw new Error(
      `dataset "${entry.dataset}" changed while it was read; run again to take it as it is now`,
    );
  }
}

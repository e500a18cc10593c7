/**
 * The tokenize stage: from datasets to a tokenizer and tables of tokenized documents. It reads the documents three times:
 * to choose them (scan.ts), to train the tokenizer, and to tokenize them (encode.ts).
 *
 * @module
 */
import {
  defineStage,
  type ports,
  type TableInput,
  type TokenizerForecast,
} from "@causeway/core/stage";
import {
  COMPANION_FILES,
  END_OF_TEXT,
  type FileTexts,
  loadTokenizer,
  readTokenizerFiles,
  setBos,
  TOKENIZER_FILES,
  type TokenizerFiles,
  tokenizerFiles,
  trainByteLevelBpe,
  vocabularySize,
  withChatTemplate,
} from "@causeway/core/tokenizer";
import { hubOrigins } from "@causeway/core/readers";
import { counted, formatNumber } from "@causeway/core/words";
import { cardOf, config, type Context, inputs, outputs } from "./config.ts";
import { requireTemplate } from "./conversations.ts";
import { encodeAll } from "./encode.ts";
import { DocumentReader } from "./document_reader.ts";
import { overlapLines } from "./overlap.ts";
import { sample, type Scan, scan } from "./scan.ts";

export const tokenize = defineStage({
  name: "tokenize",
  version: "4",
  description:
    "Reads datasets, trains a tokenizer or uses a given one, and tokenizes every document.",
  config,
  inputs,
  outputs,
  async run(ctx: Context) {
    const { config, signal, log } = ctx;
    const { max_document_bytes: max_bytes, validation_share } = config;
    const given = await givenTokenizer(ctx);
    const reader = new DocumentReader({ max_bytes, validation_share, signal, log });
    const scans = await scanAll(ctx, reader);
    overlapLines(scans).forEach(log);
    const has_chats = scans.some(({ conversations }) => conversations > 0);
    const { files, texts } = await provideTokenizer(ctx, reader, scans, given, has_chats);
    const template = has_chats ? requireTemplate(texts, log) : undefined;
    await encodeAll(ctx, reader, scans, files, template);
    await assertUnchanged(config, signal);
  },
  requires: ({ sources }) => ({
    hub: Object.values(sources).flat().flatMap((entry) => hubOrigins(cardOf(entry))),
  }),
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

/** Tokens and documents by source, of the train and the validation split. */
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

async function scanAll(ctx: Context, reader: DocumentReader): Promise<Scan[]> {
  const scans: Scan[] = [];
  // Sorted, so that the order of sources in the recipe does not matter.
  for (const source of Object.keys(ctx.config.sources).sort()) {
    for (const entry of ctx.config.sources[source]) {
      const card = cardOf(entry);
      ctx.log(`reading ${card.name} (${card.title})`);
      const part = { source, card, max_bytes: entry.max_bytes ?? Infinity };
      const found = await scan(part, reader.read(card, "scanning"), ctx.config);
      scans.push(found);
      if (found.none_held_out !== undefined) {
        const why = found.none_held_out;
        ctx.log(`dataset "${card.name}": no document is held out for validation: ${why}`);
      }
    }
  }
  return scans;
}

/**
 * The connected tokenizer.
 *
 * @throws {Error} when `bos` says something else than it: models with this tokenizer begin texts as it does; or when there
 *   is a `chat_template`, which models with this tokenizer would not have.
 */
async function givenTokenizer({ inputs, config: { bos, chat_template } }: Context) {
  if (inputs.tokenizer === undefined) return undefined;
  if (chat_template !== undefined) {
    throw new Error(
      "chat_template is for a tokenizer that is trained here, and one is connected; remove it, or set it in the step " +
        "that makes or imports the tokenizer or model",
    );
  }
  const files = await readTokenizerFiles(inputs.tokenizer);
  if (setBos(files, bos)["tokenizer.json"] === files["tokenizer.json"]) return files;
  throw new Error(
    `bos is ${bos}, but texts of the connected tokenizer begin ${
      bos ? "without" : "with"
    } a BOS token, as models ` +
      "with it expect; remove bos here, or set it in the step that imports the tokenizer or model",
  );
}

/**
 * Writes the tokenizer output: the connected tokenizer, or one trained on the training texts.
 *
 * @param needs_template whether the data have conversations.
 * @returns the files from which it is loaded, and the texts of all.
 */
async function provideTokenizer(
  ctx: Context,
  reader: DocumentReader,
  scans: readonly Scan[],
  connected: TokenizerFiles | undefined,
  needs_template: boolean,
): Promise<{ files: TokenizerFiles; texts: FileTexts }> {
  const { bos, chat_template } = ctx.config;
  const begun = setBos(connected ?? await trainTokenizer(ctx, reader, scans), bos);
  const adds_template = connected === undefined && (needs_template || chat_template !== undefined);
  const files = adds_template ? withChatTemplate(begun, chat_template) : begun;
  const texts: Record<string, string> = { ...files };
  for (const name of TOKENIZER_FILES) await ctx.outputs.tokenizer.write(name, files[name]);
  const given = ctx.inputs.tokenizer;
  for (const name of COMPANION_FILES.filter((name) => given?.names.includes(name))) {
    texts[name] = await given!.text(name);
    await ctx.outputs.tokenizer.write(name, await given!.bytes(name));
  }
  // Finds errors in the tokenizer before the workers load it.
  const tokenizer = await loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);
  const { vocab_size, prefix_ids } = tokenizer;
  ctx.log(`tokenizer with ${counted(vocab_size, "token")}`);
  // Trained here, a tokenizer has no BOS token unless the recipe says so.
  if (given !== undefined || prefix_ids.length > 0) {
    const begin = prefix_ids.length === 0
      ? "without a BOS token"
      : `with ${tokenizer.decode(prefix_ids)}`;
    ctx.log(`texts begin ${begin} (bos: ${ctx.config.bos})`);
  }
  return { files, texts };
}

async function trainTokenizer(
  ctx: Context,
  reader: DocumentReader,
  scans: readonly Scan[],
): Promise<TokenizerFiles> {
  const { vocab_size, min_frequency, tokenizer_bytes } = ctx.config;
  const wanted = formatNumber(vocab_size);
  ctx.log(`training a tokenizer with ${wanted} tokens`);
  const texts = tokenizerTexts(reader, scans, tokenizer_bytes);
  const model = await trainByteLevelBpe(texts, {
    vocab_size,
    min_frequency,
    special_tokens: [END_OF_TEXT],
    signal: ctx.signal,
  });
  if (model.vocabulary.length < vocab_size) {
    const found = formatNumber(model.vocabulary.length);
    ctx.log(
      `the tokenizer has only ${found} of ${wanted} tokens: no other pair occurs min_frequency times`,
    );
  }
  return tokenizerFiles(model);
}

/** Training documents up to a number of bytes, from each dataset in proportion to its size. */
async function* tokenizerTexts(
  reader: DocumentReader,
  scans: readonly Scan[],
  tokenizer_bytes: number,
): AsyncGenerator<string> {
  const eligible = scans.map(({ taken, held_out }) => taken.map((t, i) => t & ~held_out[i]));
  const bytes = scans.map(({ sizes }, s) =>
    sizes.reduce((sum, size, i) => eligible[s][i] ? sum + size : sum, 0)
  );
  const share = tokenizer_bytes / bytes.reduce((sum, part) => sum + part, 0);
  for (const [s, { card, sizes, draws }] of scans.entries()) {
    const drawn = sample(sizes, draws, share * bytes[s], eligible[s]);
    let index = 0;
    for await (const { text } of reader.read(card, "training the tokenizer on")) {
      if (drawn[index++]) yield text;
    }
  }
}

/**
 * Checks that the data still have the config's revisions, since these are part of the artifact key.
 *
 * @throws {Error} when a dataset has changed since the start.
 */
async function assertUnchanged(
  { sources }: Context["config"],
  signal: AbortSignal,
): Promise<void> {
  for (const entry of Object.values(sources).flat()) {
    if (await cardOf(entry).revision({ signal }) === entry.revision) continue;
    throw new Error(
      `dataset "${entry.dataset}" changed while it was being read; run again to use the current data`,
    );
  }
}

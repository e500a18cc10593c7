/**
 * Tokenizing the chosen documents, and counting them.
 *
 * @module
 */
import type { Document } from "../../core/readers/mod.ts";
import { EncoderPool, type TokenizerFiles } from "../../core/tokenizer/mod.ts";
import type { DocumentReader } from "./documents.ts";
import type { Context } from "./ports.ts";
import type { Survey } from "./survey.ts";
import { TokenWriter } from "./token_writer.ts";

/** One row of the summary. */
interface Tally {
  source: string;
  dataset: string;
  split: "train" | "validation";
  documents: number;
  tokens: number;
  text_bytes: number;
  licence: string;
}

/** A chosen document, and the row of the summary that it counts in. */
type Chosen = Document & { tally: Tally };

/** Documents between two reports of progress. */
const REPORT_EVERY = 100;

/** Writes the train, validation and summary outputs. */
export async function encodeAll(
  ctx: Context,
  reader: DocumentReader,
  surveys: readonly Survey[],
  files: TokenizerFiles,
): Promise<void> {
  const writers = {
    train: new TokenWriter(ctx.outputs.train),
    validation: new TokenWriter(ctx.outputs.validation),
  };
  const total = surveys.reduce((sum, { taken_count }) => sum + taken_count, 0);
  const tallies = surveys.flatMap((
    part,
  ) => [newTally(part, "train"), newTally(part, "validation")]);
  let done = 0, tokens_done = 0;
  using pool = new EncoderPool(files, { signal: ctx.signal });
  for await (const encoded of pool.encode(chosenDocuments(reader, surveys, tallies))) {
    const { item: { tally }, tokens, prompt_length, text_bytes } = encoded;
    const { source, dataset } = tally;
    await writers[tally.split].add({ source, dataset, tokens, prompt_length, text_bytes });
    tally.documents++;
    tally.tokens += tokens.length;
    tally.text_bytes += text_bytes;
    tokens_done += tokens.length;
    if (++done % REPORT_EVERY === 0) ctx.report(done, { tokens: tokens_done }, total);
  }
  await writers.train.flush();
  await writers.validation.flush();
  ctx.report(done, { tokens: tokens_done }, total);
  await writeSummary(ctx, tallies.filter(({ documents }) => documents > 0));
}

async function* chosenDocuments(
  reader: DocumentReader,
  surveys: readonly Survey[],
  tallies: readonly Tally[],
): AsyncGenerator<Chosen> {
  for (const [s, part] of surveys.entries()) {
    let index = 0;
    for await (const document of reader.read(part.card, "tokenizing")) {
      const i = index++;
      if (part.taken[i]) yield { ...document, tally: tallies[2 * s + part.held_out[i]] };
    }
    assertSameCount(part, index);
  }
}

function newTally({ source, card }: Survey, split: Tally["split"]): Tally {
  const counts = { documents: 0, tokens: 0, text_bytes: 0 };
  return { source, dataset: card.name, split, ...counts, licence: card.licence.spdx };
}

function assertSameCount({ card, sizes }: Survey, count: number): void {
  if (count !== sizes.length) {
    throw new Error(
      `dataset "${card.name}" changed while it was read: it held ${sizes.length} documents, then ${count}; run again`,
    );
  }
}

async function writeSummary(ctx: Context, rows: readonly Tally[]): Promise<void> {
  await ctx.outputs.summary.write({
    source: rows.map((row) => row.source),
    dataset: rows.map((row) => row.dataset),
    split: rows.map((row) => row.split),
    documents: Int32Array.from(rows, (row) => row.documents),
    tokens: Float64Array.from(rows, (row) => row.tokens),
    text_bytes: Float64Array.from(rows, (row) => row.text_bytes),
    licence: rows.map((row) => row.licence),
  });
}

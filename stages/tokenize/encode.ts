/**
 * Tokenizing the chosen documents, and counting them.
 *
 * @module
 */
import type { Document } from "../../core/data/readers/mod.ts";
import type { Tokenizer } from "../../core/tokenizer/mod.ts";
import type { DocumentReader } from "./documents.ts";
import type { Context } from "./ports.ts";
import { byteLength, type Survey } from "./survey.ts";
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

/** Documents between two reports of progress. */
const REPORT_EVERY = 100;

/** Writes the train, validation and summary outputs. */
export async function encodeAll(
  ctx: Context,
  reader: DocumentReader,
  surveys: readonly Survey[],
  tokenizer: Tokenizer,
): Promise<void> {
  const writers = {
    train: new TokenWriter(ctx.outputs.train),
    validation: new TokenWriter(ctx.outputs.validation),
  };
  const total = surveys.reduce((sum, { taken }) => sum + taken.filter(Boolean).length, 0);
  const tallies: Tally[] = [];
  let done = 0;
  let tokens_done = 0;
  for (const part of surveys) {
    const { source, card, taken, held_out } = part;
    const tally = newTallies(part);
    let index = 0;
    for await (const document of reader.read(card)) {
      const i = index++;
      if (!taken[i]) continue;
      const split = held_out[i] ? "validation" : "train";
      const encoded = encodeDocument(document, tokenizer);
      await writers[split].add({ source, dataset: card.name, ...encoded });
      tally[split].documents++;
      tally[split].tokens += encoded.tokens.length;
      tally[split].text_bytes += encoded.text_bytes;
      tokens_done += encoded.tokens.length;
      if (++done % REPORT_EVERY === 0) ctx.report(done, { tokens: tokens_done }, total);
    }
    assertSameCount(part, index);
    tallies.push(tally.train, tally.validation);
  }
  await writers.train.flush();
  await writers.validation.flush();
  ctx.report(done, { tokens: tokens_done }, total);
  await writeSummary(ctx, tallies.filter(({ documents }) => documents > 0));
}

function newTallies({ source, card }: Survey): Record<Tally["split"], Tally> {
  const tally = (split: Tally["split"]): Tally => ({
    source,
    dataset: card.name,
    split,
    documents: 0,
    tokens: 0,
    text_bytes: 0,
    licence: card.licence.spdx,
  });
  return { train: tally("train"), validation: tally("validation") };
}

/**
 * Tokenizes a document. The prompt is tokenized on its own, so that the boundary of the loss falls
 * between two tokens.
 */
function encodeDocument(
  { text, prompt_length_chars = 0 }: Document,
  tokenizer: Tokenizer,
): { tokens: number[]; prompt_length: number; text_bytes: number } {
  const prompt = tokenizer.encode(text.slice(0, prompt_length_chars));
  const tokens = [
    ...prompt,
    ...tokenizer.encode(text.slice(prompt_length_chars)),
    tokenizer.end_of_text,
  ];
  return { tokens, prompt_length: prompt.length, text_bytes: byteLength(text) };
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

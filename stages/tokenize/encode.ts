/**
 * The last pass over the documents: tokenizes them, and writes the tokens and the summary.
 *
 * @module
 */
import type { Document } from "@causeway/core/readers";
import { batchOf, ports, spansColumn, type TableOutput } from "@causeway/core/stage";
import {
  type ChatTemplate,
  EncoderPool,
  type TokenArray,
  type TokenizerFiles,
} from "@causeway/core/tokenizer";
import { counted } from "@causeway/core/words";
import type { Context } from "./config.ts";
import { Conversations } from "./conversations.ts";
import type { DocumentReader } from "./document_reader.ts";
import type { Scan } from "./scan.ts";

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

/** A document that is used, and its row of the summary. */
type Chosen = Document & { tally: Tally };

/** Documents between progress reports. */
const REPORT_EVERY = 100;

/** Writes the train, validation and summary outputs. */
export async function encodeAll(
  ctx: Context,
  reader: DocumentReader,
  scans: readonly Scan[],
  files: TokenizerFiles,
  template: ChatTemplate | undefined,
): Promise<void> {
  const writers = {
    train: new TokenWriter(ctx.outputs.train),
    validation: new TokenWriter(ctx.outputs.validation),
  };
  const total = scans.reduce((sum, { taken_count }) => sum + taken_count, 0);
  const tallies = scans.flatMap((part) => {
    return [newTally(part, "train"), newTally(part, "validation")];
  });
  let done = 0, tokens_done = 0;
  const left_as_text = new Map<string, number>();
  const { parse_special_tokens } = ctx.config;
  using pool = new EncoderPool(files, { signal: ctx.signal, parse_special_tokens });
  const conversations = new Conversations(template, parse_special_tokens);
  const chosen = chosenDocuments(reader, scans, tallies, conversations, ctx.log);
  for await (const encoded of pool.encode(chosen)) {
    const { item: { tally }, tokens, loss_spans, text_bytes } = encoded;
    const { source, dataset } = tally;
    await writers[tally.split].add({ source, dataset, tokens, loss_spans, text_bytes });
    tally.documents++;
    tally.tokens += tokens.length;
    tally.text_bytes += text_bytes;
    tokens_done += tokens.length;
    if (encoded.left_as_text > 0) {
      left_as_text.set(dataset, (left_as_text.get(dataset) ?? 0) + encoded.left_as_text);
    }
    if (++done % REPORT_EVERY === 0) ctx.report(done, { tokens: tokens_done }, total);
  }
  await writers.train.flush();
  await writers.validation.flush();
  ctx.report(done, { tokens: tokens_done }, total);
  for (const [dataset, count] of left_as_text) {
    ctx.log(
      `dataset "${dataset}": its texts contain ${counted(count, "control token")} ` +
        "(end of text and the like), kept as plain text; parse_special_tokens: true encodes them as tokens",
    );
  }
  const rows = tallies.filter(({ documents }) => documents > 0);
  await ctx.outputs.summary.write(batchOf(ports.dataset_summary, rows));
}

async function* chosenDocuments(
  reader: DocumentReader,
  scans: readonly Scan[],
  tallies: readonly Tally[],
  conversations: Conversations,
  log: (line: string) => void,
): AsyncGenerator<Chosen> {
  for (const [s, part] of scans.entries()) {
    let index = 0;
    for await (const document of reader.read(part.card, "tokenizing")) {
      const i = index++;
      const text = part.taken[i] ? conversations.textOf(document) : undefined;
      if (text) yield { ...text, tally: tallies[2 * s + part.held_out[i]] };
    }
    conversations.takeLines(part.card.name).forEach(log);
    assertSameCount(part, index);
  }
}

function newTally({ source, card }: Scan, split: Tally["split"]): Tally {
  const counts = { documents: 0, tokens: 0, text_bytes: 0 };
  return { source, dataset: card.name, split, ...counts, licence: card.licence.spdx };
}

function assertSameCount({ card, sizes }: Scan, count: number): void {
  if (count !== sizes.length) {
    throw new Error(
      `dataset "${card.name}" changed while it was being read: ${
        counted(sizes.length, "document")
      }, then ${count}; run again`,
    );
  }
}

interface TokenizedDocument {
  source: string;
  dataset: string;
  tokens: TokenArray;
  loss_spans: Uint32Array;
  text_bytes: number;
}

/** A batch is written after this many rows or tokens: about 1 MB in memory. */
const MAX_ROWS = 1024;
const MAX_TOKENS = 1 << 18;

/** Collects tokenized documents into batches of a tokens table. */
class TokenWriter {
  #rows: TokenizedDocument[] = [];
  #tokens = 0;
  #written = false;

  constructor(readonly output: TableOutput<typeof ports.tokens.columns>) {}

  async add(document: TokenizedDocument): Promise<void> {
    // Both are views of their batch, most of which may belong to the other split.
    const [tokens, loss_spans] = [document.tokens.slice(), document.loss_spans.slice()];
    this.#rows.push({ ...document, tokens, loss_spans });
    this.#tokens += document.tokens.length;
    if (this.#rows.length >= MAX_ROWS || this.#tokens >= MAX_TOKENS) await this.flush();
  }

  /** Writes the remaining rows; writes an empty table if there are none at all. */
  async flush(): Promise<void> {
    const rows = this.#rows;
    if (rows.length === 0 && this.#written) return;
    this.#written = true;
    const wide = rows[0]?.tokens instanceof Uint32Array;
    const values = wide ? new Uint32Array(this.#tokens) : new Uint16Array(this.#tokens);
    const offsets = new Int32Array(rows.length + 1);
    for (const [i, { tokens }] of rows.entries()) {
      values.set(tokens, offsets[i]);
      offsets[i + 1] = offsets[i] + tokens.length;
    }
    this.#rows = [];
    this.#tokens = 0;
    await this.output.write({
      source: rows.map((row) => row.source),
      dataset: rows.map((row) => row.dataset),
      tokens: { values, offsets },
      loss_spans: spansColumn(rows.map((row) => row.loss_spans)),
      text_bytes: Int32Array.from(rows, (row) => row.text_bytes),
    });
  }
}

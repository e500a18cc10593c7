/**
 * Rows of a training batch as text: what is supervised, what is prompt, where it comes from.
 *
 * @module
 */
import type { Sequence } from "../batches/mod.ts";
import type { Batch, FilesInput, ports } from "../stage/mod.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizer/mod.ts";
import type { Phase } from "./loop.ts";

type Samples = Batch<typeof ports.batch_samples.columns>;

/** Rows of the first batch that training stages keep for the report. */
export const SAMPLE_ROWS = 4;

/**
 * The first rows of a step's batch.
 *
 * @param files a tokenizer, or a checkpoint with one.
 * @param at step of the phase, counted from 0, and rows at most.
 */
export async function batchSample(
  phase: Pick<Phase, "batch" | "steps">,
  files: FilesInput,
  at: { step: number; rows: number },
): Promise<Samples> {
  const tokenizer = await loadTokenizer(
    await files.text("tokenizer.json"),
    await files.text("tokenizer_config.json"),
  );
  const sequences = phase.steps === 0 ? [] : phase.batch(at.step).slice(0, at.rows);
  const runs = sequences.flatMap((sequence, row) =>
    runsOf(sequence).map((run) => ({ row, source: sequence.source, ...run }))
  );
  return {
    step: Int32Array.from(runs, () => at.step),
    row: Int32Array.from(runs, ({ row }) => row),
    source: runs.map(({ source }) => source),
    document: Int32Array.from(runs, ({ document }) => document),
    supervised: Uint8Array.from(runs, ({ supervised }) => supervised ? 1 : 0),
    tokens: Int32Array.from(runs, ({ ids }) => ids.length),
    text: runs.map(({ ids }) => decode(tokenizer, ids)),
  };
}

interface Run {
  readonly document: number;
  readonly supervised: boolean;
  readonly ids: Sequence["tokens"];
}

/** Cuts a row where supervision changes or a document begins that cannot see what stands before it. */
function runsOf({ tokens, prompt_length, starts = [] }: Sequence): Run[] {
  // The first token of a context is never a label: nothing stands before it.
  const first = new Set([0, ...starts]);
  const supervised = (i: number) => i >= prompt_length && !first.has(i);
  const runs: Run[] = [];
  for (let start = 0, document = 0; start < tokens.length;) {
    let end = start + 1;
    while (end < tokens.length && !first.has(end) && supervised(end) === supervised(start)) end++;
    runs.push({ document, supervised: supervised(start), ids: tokens.subarray(start, end) });
    if (first.has(end)) document++;
    start = end;
  }
  return runs;
}

/** A run may begin or end within a character, whose bytes then show as U+FFFD. */
function decode(tokenizer: Tokenizer, ids: ArrayLike<number>): string {
  return tokenizer.decode(Array.from(ids));
}

/**
 * The outputs that every training stage has: how a finished phase fills them, and rows of a batch as text.
 *
 * @module
 */
import { labelMask, type Sequence } from "../batches/mod.ts";
import {
  type Batch,
  files as filesPort,
  type FilesInput,
  type Outputs,
  ports,
} from "../stage/mod.ts";
import { COMPANION_FILES, decodeAfter, openTokenizer, TOKENIZER_FILES } from "../tokenizer/mod.ts";
import { writeCheckpoint } from "./checkpoint.ts";
import { checkpoint_series, writeSeries } from "./checkpoint_series.ts";
import type { Phase, PhaseResult } from "./phase.ts";

/** A model of average weights, without trainer state. */
const averaged_checkpoint = filesPort(
  "checkpoint",
  "the average of the weights along the phase; only a note unless `weight_average` is set",
);

/** Output ports of pretrain, midtrain and sft. */
export const training_outputs = {
  checkpoint: ports.checkpoint,
  checkpoints: checkpoint_series,
  averaged: averaged_checkpoint,
  training: ports.training_metrics,
  validation: ports.validation_metrics,
  samples: ports.batch_samples,
} as const;

/** Files of a tokenizer or a model that its checkpoints keep. */
const BESIDE_WEIGHTS = [...TOKENIZER_FILES, ...COMPANION_FILES, "generation_config.json"];

/**
 * Writes the checkpoint, those along the phase, metrics, and some rows of the first batch. The tokenizer's files are
 * written beside the weights, so that every checkpoint is a complete Hugging Face model folder.
 *
 * @param phase with the tokenizer, or the checkpoint trained from, whose files are copied.
 * @param options.save_optimizer whether the checkpoint has the optimizer's moments, two thirds of its bytes.
 */
export async function writePhase(
  outputs: Outputs<typeof training_outputs>,
  phase: Phase & { readonly tokenizer: FilesInput },
  { files, averaged, history, kept }: PhaseResult,
  { save_optimizer = true }: { save_optimizer?: boolean } = {},
): Promise<void> {
  const { tokenizer } = phase;
  const saved = Object.entries(files).filter(([name]) => {
    return save_optimizer || name !== "optimizer.safetensors";
  });
  await writeCheckpoint(outputs.checkpoint, Object.fromEntries(saved));
  const beside = BESIDE_WEIGHTS.filter((name) => tokenizer.names.includes(name));
  for (const name of beside) await outputs.checkpoint.write(name, await tokenizer.bytes(name));
  if (averaged) {
    await writeCheckpoint(outputs.averaged, averaged);
    for (const name of beside) await outputs.averaged.write(name, await tokenizer.bytes(name));
  } else {
    await outputs.averaged.write("README.md", "No average: weight_average is not set.\n");
  }
  await writeSeries(outputs.checkpoints, kept, { tokenizer, names: beside });
  await outputs.training.write(history.trainingTable());
  await outputs.validation.write(history.validationTable());
  await outputs.samples.write(await batchSample(phase, tokenizer, { step: 0, rows: SAMPLE_ROWS }));
}

type Samples = Batch<typeof ports.batch_samples.columns>;

/** Rows of the first batch that training stages keep for the report. */
const SAMPLE_ROWS = 4;

/**
 * The first rows of a step's batch.
 *
 * @param files a tokenizer, or a checkpoint with one.
 * @param at step of the phase, counted from 0, and rows at most.
 */
export async function batchSample(
  phase: Pick<Phase, "batches" | "steps">,
  files: FilesInput,
  at: { step: number; rows: number },
): Promise<Samples> {
  const tokenizer = await openTokenizer(files);
  const sequences = phase.steps === 0 ? [] : phase.batches.sequences(at.step).slice(0, at.rows);
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
    // A run may begin or end within a character, whose bytes then show as U+FFFD.
    text: runs.map(({ row, document, ids }, i) => {
      const before = runs[i - 1];
      const follows = before?.row === row && before.document === document;
      return decodeAfter(tokenizer, follows ? before.ids : [], ids);
    }),
  };
}

interface Run {
  readonly document: number;
  readonly supervised: boolean;
  readonly ids: Sequence["tokens"];
}

/** Cuts a row where supervision changes, and where a document begins that cannot see the tokens before it. */
function runsOf(sequence: Sequence): Run[] {
  const { tokens, starts } = sequence;
  const first = new Set(starts), labels = labelMask(sequence);
  const runs: Run[] = [];
  for (let start = 0, document = 0; start < tokens.length;) {
    let end = start + 1;
    while (end < tokens.length && !first.has(end) && labels[end] === labels[start]) end++;
    runs.push({ document, supervised: labels[start] === 1, ids: tokens.subarray(start, end) });
    if (first.has(end)) document++;
    start = end;
  }
  return runs;
}

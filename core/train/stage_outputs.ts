/**
 * The outputs that every training stage has, and how a finished phase fills them.
 *
 * @module
 */
import { type FilesInput, type Outputs, ports } from "../stage/mod.ts";
import { batchSample, SAMPLE_ROWS } from "./batch_sample.ts";
import { writeCheckpoint } from "./checkpoint.ts";
import { checkpoint_series, writeSeries } from "./checkpoint_series.ts";
import type { Phase, PhaseResult } from "./loop.ts";

/** Output ports of pretrain, midtrain and sft. */
export const training_outputs = {
  checkpoint: ports.checkpoint,
  checkpoints: checkpoint_series,
  training: ports.training_metrics,
  validation: ports.validation_metrics,
  samples: ports.batch_samples,
} as const;

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"];

/**
 * Writes the checkpoint, those along the phase, metrics, and some rows of the first batch. The tokenizer's files are put
 * beside the weights, so that every checkpoint is a whole Hugging Face model folder.
 *
 * @param tokenizer where to take them from: a tokenizer, or the checkpoint trained from.
 * @param options.save_optimizer whether the checkpoint holds the optimizer's moments, two thirds of its bytes.
 */
export async function writePhase(
  outputs: Outputs<typeof training_outputs>,
  phase: Phase,
  { files, history, kept }: PhaseResult,
  tokenizer: FilesInput,
  { save_optimizer = true }: { save_optimizer?: boolean } = {},
): Promise<void> {
  const saved = Object.entries(files).filter(([name]) => {
    return save_optimizer || name !== "optimizer.safetensors";
  });
  await writeCheckpoint(outputs.checkpoint, Object.fromEntries(saved));
  const tokenizer_files = TOKENIZER_FILES.filter((name) => tokenizer.names.includes(name));
  for (const name of tokenizer_files) {
    await outputs.checkpoint.write(name, await tokenizer.bytes(name));
  }
  await writeSeries(outputs.checkpoints, kept, tokenizer, tokenizer_files);
  await outputs.training.write(history.trainingTable());
  await outputs.validation.write(history.validationTable());
  await outputs.samples.write(await batchSample(phase, tokenizer, { step: 0, rows: SAMPLE_ROWS }));
}

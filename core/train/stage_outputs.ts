/**
 * The outputs that every training stage has, and how a finished phase fills them.
 *
 * @module
 */
import { type FilesInput, type Outputs, ports } from "../stage/mod.ts";
import { writeCheckpoint } from "./checkpoint.ts";
import type { PhaseResult } from "./loop.ts";

/** Output ports of pretrain, midtrain and sft. */
export const training_outputs = {
  checkpoint: ports.checkpoint,
  training: ports.training_metrics,
  validation: ports.validation_metrics,
} as const;

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"];

/**
 * Writes checkpoint and metrics. The tokenizer's files are put beside the weights, so that the checkpoint is a
 * whole Hugging Face model folder.
 *
 * @param tokenizer where to take them from: a tokenizer, or the checkpoint trained from.
 */
export async function writePhase(
  outputs: Outputs<typeof training_outputs>,
  { files, history }: PhaseResult,
  tokenizer: FilesInput,
): Promise<void> {
  await writeCheckpoint(outputs.checkpoint, files);
  for (const name of TOKENIZER_FILES.filter((name) => tokenizer.names.includes(name))) {
    await outputs.checkpoint.write(name, await tokenizer.bytes(name));
  }
  await outputs.training.write(history.trainingTable());
  await outputs.validation.write(history.validationTable());
}

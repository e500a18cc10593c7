/**
 * Where a model comes from, by what it carries itself.
 *
 * @module
 */
import type { FilesInput } from "../stage/mod.ts";
import { checkpointReader, describeLineage, loadTrainerState } from "../train/mod.ts";

/** One line for each phase that trained a checkpoint; none where it does not say. */
export async function lineageLines(files: FilesInput): Promise<string[]> {
  if (!files.names.includes("trainer_state.json")) return [];
  const { lineage = [] } = await loadTrainerState(checkpointReader(files));
  return describeLineage(lineage);
}

/**
 * Where training of a phase begins: at its start, or at a checkpoint of an interrupted run.
 *
 * @module
 */
import type { SavedCheckpoint } from "../stage/mod.ts";
import type { TrainingArrays } from "./arrays.ts";
import { loadArrays, loadTrainerState, type TrainerState } from "./checkpoint.ts";
import type { LoopContext, Phase } from "./loop.ts";
import { MetricsHistory } from "./metrics.ts";
import { createTrainer, type Trainer } from "./trainer.ts";

/** Where a phase stands. */
export interface Place {
  /** Steps of this phase that are done. */
  done: number;
  state: TrainerState;
  history: MetricsHistory;
}

/**
 * A trainer at the phase's beginning, or at the newest checkpoint.
 *
 * @param keep steps whose checkpoints are kept.
 */
export async function beginPhase(
  ctx: LoopContext,
  phase: Phase,
  keep: readonly number[],
  prepare: () => Promise<TrainingArrays>,
): Promise<Place & { trainer: Trainer }> {
  const { start, compute } = phase;
  const make = (arrays: TrainingArrays) =>
    createTrainer(arrays, start.optimizer, compute, ctx.ranks);
  const saved = await findCheckpoint(ctx, keep);
  if (!saved) {
    const trainer = await make(await prepare());
    return { trainer, done: 0, state: start, history: new MetricsHistory() };
  }
  const read = (name: string) => saved.read(name);
  const state = await loadTrainerState(read);
  const trainer = await make(await loadArrays(read, state));
  const history = MetricsHistory.decode(await read("metrics.json"));
  const done = state.step - start.step;
  ctx.log(`going on from step ${done} of ${phase.steps}`);
  return { trainer, done, state, history };
}

/**
 * The newest checkpoint, unless one that is to be kept was made before it and is lost: then the newest before that, so
 * that it is made again.
 */
async function findCheckpoint(
  { checkpoints }: LoopContext,
  keep: readonly number[],
): Promise<SavedCheckpoint | undefined> {
  const latest = await checkpoints.latest();
  const kept = await checkpoints.kept?.() ?? [];
  const lost = keep.find((step) => !kept.some((one) => one.step === step)) ?? Infinity;
  // One that stands at the lost step can still be kept.
  return latest && latest.step <= lost ? latest : kept.findLast(({ step }) => step < lost);
}

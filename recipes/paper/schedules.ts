/**
 * The learning rates of a study's phases: one curve over the horizon, or a trunk at a constant rate and decays.
 *
 * @module
 */
import type { RunShape } from "./phases.ts";
import type { StudySettings } from "./settings.ts";

type Schedule = StudySettings["schedule"];

/** Optimizer steps of the run, its warm-up and its decays. */
export function runShape({ schedule, trunk, horizon_steps }: StudySettings): RunShape {
  const { warmup_ratio = 0.1, warmup_steps = Math.round(warmup_ratio * horizon_steps) } = schedule;
  const decay_steps = trunk ? Math.max(1, Math.round(trunk.decay_share * horizon_steps)) : 0;
  return { horizon_steps, decay_steps, warmup_steps };
}

/** The schedule that pretraining begins. @throws {Error} when the settings have both a shape and a trunk of constant rate. */
export function trunkSchedule({ schedule, trunk }: StudySettings): Schedule {
  if (!trunk) return schedule;
  if (schedule.shape !== undefined) {
    throw new Error(
      `the trunk has a constant rate, so schedule.shape "${schedule.shape}" has no meaning; remove it, or remove trunk`,
    );
  }
  const { min_lr: _, ...rise } = schedule;
  return { ...rise, shape: "constant" };
}

/** The schedule of a phase that begins a decay, which falls from the peak from its first step on. */
export function decaySchedule({ schedule, trunk }: StudySettings): Schedule {
  const { peak_lr, min_lr = 0 } = schedule as { peak_lr: number; min_lr?: number };
  return { shape: "wsd", peak_lr, min_lr, warmup_steps: 0, decay: trunk!.decay, decay_ratio: 1 };
}

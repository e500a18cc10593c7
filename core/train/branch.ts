/**
 * Branching: training that goes on from a checkpoint, and what it keeps of it.
 *
 * Steps are counted over the whole run, through every branch. What begins anew notes the step at which it did, so
 * that schedule, optimizer and data each have a count of their own.
 *
 * @module
 */
import type { z } from "zod";
import type { MixtureConfig } from "../batches/mod.ts";
import type { TrainerState } from "./checkpoint.ts";
import { type Length, lengthSteps } from "./length.ts";
import type { Branch } from "./lineage.ts";
import {
  resolveSchedule,
  type rewarm_schema,
  rewarmSchedule,
  type Schedule,
  type ScheduleConfig,
} from "./schedule.ts";

/** What a branch keeps. The weights always are: training from fresh ones is pretraining. */
export interface BranchConfig {
  readonly preset: "midtrain" | "continued_pretrain";
  /** Left out, the schedule's end. */
  readonly steps?: number;
  readonly tokens?: number;
  /** Of a schedule of its own; left out, the length of the phase. */
  readonly horizon_steps?: number;
  readonly horizon_tokens?: number;
  readonly schedule: "keep" | { readonly rewarm: z.output<typeof rewarm_schema> } | ScheduleConfig;
  readonly optimizer: Branch["optimizer"];
  readonly data: Branch["data"];
  readonly mixture?: MixtureConfig;
}

/** A phase that begins at a checkpoint. */
export interface BranchStart {
  /** The checkpoint's state, but for what begins anew. */
  readonly start: TrainerState;
  /** Optimizer steps of the phase. */
  readonly steps: number;
  readonly branch: Branch;
}

/**
 * Begins a phase at a checkpoint.
 *
 * @param state of the checkpoint.
 * @param stage name of the stage that goes on.
 * @param options.seed orders the data where they begin anew; else the order is that of the run.
 * @param options.parent the checkpoint's digest.
 * @throws {Error} when the steps do not fit the schedule, or the mixture the preset or the checkpoint.
 */
export function branchFrom(
  state: TrainerState,
  stage: string,
  config: BranchConfig,
  { seed, parent }: { seed: number; parent: string },
): BranchStart {
  checkMixture(state, config);
  const { steps, schedule } = planSteps(state, config);
  const { optimizer, data, preset } = config;
  return {
    start: {
      ...state,
      phase: stage,
      schedule,
      ...(optimizer === "reset" && { optimizer_start_step: state.step, loss_scale: undefined }),
      ...(data === "restart" &&
        { data_start_step: state.step, mixture: [], available: {}, seed }),
    },
    steps,
    branch: { parent, preset, optimizer, schedule: scheduleSwitch(config), data },
  };
}

function scheduleSwitch({ schedule }: BranchConfig): Branch["schedule"] {
  if (schedule === "keep") return "keep";
  return "rewarm" in schedule ? "rewarm" : "new";
}

/** The steps of a phase that keeps the schedule end at its horizon, unless it has no end. */
function planSteps(
  state: TrainerState,
  config: BranchConfig,
): { steps: number; schedule: Schedule } {
  const { schedule: before, step } = state;
  const length = lengthSteps(config, state);
  if (config.schedule !== "keep") {
    const horizon = lengthSteps(horizonOf(config), state, "horizon_tokens") ?? length;
    if (horizon === undefined) {
      throw new Error("a schedule that begins here needs a length: set steps or tokens");
    }
    const steps = length ?? horizon;
    if (steps > horizon) {
      throw new Error(`${steps} steps do not fit a horizon of ${horizon} steps; raise the horizon`);
    }
    const schedule = "rewarm" in config.schedule
      ? rewarmSchedule(before, config.schedule.rewarm, horizon, step)
      : resolveSchedule(config.schedule, horizon, step);
    return { steps, schedule };
  }
  const end = (before.start_step ?? 0) + before.horizon_steps;
  const left = end - step, steps = length ?? left;
  const endless = before.shape === "constant" && length !== undefined;
  if (steps < 1 || (steps > left && !endless)) {
    throw new Error(
      `the schedule ends at step ${end} and the checkpoint stands at step ${step}: ${steps} more ` +
        "steps do not fit; raise horizon_steps of the first phase, or set a schedule that begins here",
    );
  }
  return { steps, schedule: before };
}

function horizonOf({ horizon_steps, horizon_tokens }: BranchConfig): Length {
  return { steps: horizon_steps, tokens: horizon_tokens };
}

function checkMixture(state: TrainerState, { preset, data, mixture }: BranchConfig): void {
  if (data === "keep" && state.mixture.length === 0) {
    throw new Error(
      'the checkpoint was not trained on a mixture, so there is no place to go on from: set data "restart"',
    );
  }
  if (preset !== "continued_pretrain" || mixture === undefined) return;
  const general = new Set(Object.keys(firstMixture(state) ?? {}));
  const kept = sourcesIn(mixture).filter((source) => general.has(source));
  if (kept.length === 0) return;
  throw new Error(
    `continued_pretrain takes specialised data alone, and the run began with "${kept[0]}": ` +
      'leave it out of the mixture, or set preset "midtrain"',
  );
}

/** What the run began with, before any restart of the data. */
function firstMixture({ lineage = [], mixture }: TrainerState) {
  return (lineage.find(({ mixture }) => mixture.length > 0)?.mixture ?? mixture)[0]?.weights;
}

function sourcesIn(mixture: MixtureConfig): string[] {
  const all = Array.isArray(mixture)
    ? mixture.map(({ weights }: { weights: Record<string, number> }) => weights)
    : [mixture as Record<string, number>];
  return all.flatMap((weights) => Object.keys(weights).filter((source) => weights[source] > 0));
}

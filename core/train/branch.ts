/**
 * Branching: training that continues from a checkpoint, and what it keeps of it.
 *
 * Steps are counted over the whole run, through every branch. What starts over records the step at which it did, so
 * schedule, optimizer and data each have their own count.
 *
 * @module
 */
import { z } from "zod";
import { mixture_schema, type MixtureConfig } from "../batches/mod.ts";
import { optimizer_schema } from "./adamw.ts";
import { freshState, type TrainerState } from "./checkpoint.ts";
import { checkHorizon, horizonSteps, length_fields, lengthSteps } from "./config.ts";
import {
  resolveSchedule,
  rewarm_schema,
  rewarmSchedule,
  type Schedule,
  schedule_schema,
} from "./learning_rate.ts";
import { counted } from "../words/mod.ts";
import type { Branch } from "./lineage.ts";

/** Explains what is wrong with the one of the three forms of `schedule` that was meant. */
const explainSchedule: z.core.$ZodErrorMap = ({ input, ...issue }) => {
  if (issue.code !== "invalid_union" || typeof input !== "object" || input === null) {
    return 'must be "keep", { rewarm: … } or a new schedule, { peak_lr: … }';
  }
  const [, rewarm, own] = issue.errors as z.core.$ZodIssue[][];
  return ("rewarm" in input ? rewarm : own)
    .map(({ path, message }) => [path.join("."), message].filter(Boolean).join(": ")).join("; ");
};

/** Config fields of a branch: what it keeps of its checkpoint, besides the weights. */
export const branch_fields = {
  /**
   * "midtrain" changes the mixture; "continued_pretrain" trains on specialised data only (paper, table 3), so its mixture
   * must not contain the sources that the run started with. Both keep weights, schedule, optimizer and data position
   * unless the fields below say otherwise.
   */
  preset: z.enum(["midtrain", "continued_pretrain"]).default("midtrain"),
  /**
   * Shares of the training tokens by source, or points along the phase, as in pretraining. When not set, the checkpoint's
   * mixture continues: the control arm.
   */
  mixture: mixture_schema.optional(),
  ...length_fields,
  /**
   * "keep" continues the checkpoint's schedule. A schedule, as in pretraining, starts at the first step of this phase.
   * `{ rewarm: { peak_lr } }` restarts the checkpoint's schedule shape, or the `shape` it names, warming up from the current
   * learning rate. An imported model has no schedule to keep.
   */
  schedule: z.union(
    [
      z.literal("keep"),
      z.strictObject({
        /** Warm-up to a new peak. */
        rewarm: rewarm_schema,
      }),
      schedule_schema,
    ],
    { error: explainSchedule },
  ).default("keep"),
  /** "keep" continues with the optimizer state; "reset" starts with zero moments and the same settings. */
  optimizer: z.enum(["keep", "reset"]).default("keep"),
  /**
   * "keep" continues after the data that the run has already used. "restart" starts every source from the beginning, in
   * the order of this step's seed, which is that of the run unless it was changed; `allow_repeat` is about repeats since
   * here, and a line in the log says how much of what earlier phases drew is drawn again.
   */
  data: z.enum(["keep", "restart"]).default("keep"),
};

export type BranchConfig = z.output<z.ZodObject<typeof branch_fields>>;

/** A phase that begins at a checkpoint. */
export interface BranchStart {
  /** The checkpoint's state, except for what starts over. */
  readonly start: TrainerState;
  /** Optimizer steps of the phase. */
  readonly steps: number;
  readonly branch: Branch;
  /** Whether the data start over in another order than before. */
  readonly reordered: boolean;
}

/**
 * Begins a phase at a checkpoint.
 *
 * @param state of the checkpoint.
 * @param stage name of the stage that continues.
 * @param options.seed orders the data where they restart; else the order is that of the run.
 * @param options.parent the checkpoint's digest.
 * @throws {Error} when the steps do not fit the schedule, the mixture does not fit the preset or the checkpoint, or the
 * checkpoint is an imported model, which lacks what the config keeps.
 */
export function branchFrom(
  state: TrainerState,
  stage: string,
  config: BranchConfig,
  { seed, parent }: { seed: number; parent: string },
): BranchStart {
  if (isImported(state)) checkImported(config);
  checkMixture(state, config);
  const { steps, schedule } = planSteps(state, config);
  const { optimizer, data, preset } = config;
  return {
    start: {
      ...state,
      phase: stage,
      schedule,
      start_decay: undefined,
      freeze: undefined,
      weight_average: undefined,
      ...(optimizer === "reset" && { optimizer_start_step: state.step, loss_scale: undefined }),
      ...(data === "restart" &&
        { data_start_step: state.step, mixture: [], available: {}, seed }),
    },
    steps,
    branch: { parent, preset, optimizer, schedule: scheduleSwitch(config), data },
    reordered: data === "restart" && seed !== state.seed,
  };
}

function scheduleSwitch({ schedule }: BranchConfig): Branch["schedule"] {
  if (schedule === "keep") return "keep";
  return "rewarm" in schedule ? "rewarm" : "new";
}

/** A phase that keeps the schedule ends at its horizon at the latest, unless the schedule is constant. */
function planSteps(
  state: TrainerState,
  config: BranchConfig,
): { steps: number; schedule: Schedule } {
  const { schedule: before, step } = state;
  const length = lengthSteps(config, state);
  if (config.schedule !== "keep") {
    const horizon = horizonSteps(config, state) ?? length;
    if (horizon === undefined) {
      throw new Error("a schedule that starts here needs a length: set steps or tokens");
    }
    const steps = length ?? horizon;
    checkHorizon(steps, horizon);
    const schedule = "rewarm" in config.schedule
      ? {
        ...rewarmSchedule(before, config.schedule.rewarm, horizon, step),
        ...(isImported(state) && { start_lr: 0 }), // its last learning rate is unknown
      }
      : resolveSchedule(config.schedule, horizon, step);
    return { steps, schedule };
  }
  const end = (before.start_step ?? 0) + before.horizon_steps;
  const left = end - step, steps = length ?? left;
  const endless = before.shape === "constant" && length !== undefined;
  if (steps < 1 || (steps > left && !endless)) {
    const more = length === undefined ? "more steps" : counted(length, "more step");
    throw new Error(
      `the schedule ends at step ${end} and the checkpoint is at step ${step}: there is no room for ${more}; ` +
        "raise horizon_steps of the first phase, or set a schedule that starts here",
    );
  }
  return { steps, schedule: before };
}

/** Whether a checkpoint is a model that was trained elsewhere, so that only its weights are known. */
export function isImported({ phase }: Pick<TrainerState, "phase">): boolean {
  return IMPORTS.includes(phase);
}

/** The stage that imports models, and its former name, which older checkpoints have. */
const IMPORTS: readonly string[] = ["import_model", "given_model"];

/** @throws {Error} naming all that the config keeps and an imported model lacks. */
function checkImported({ schedule, data, steps, tokens, ...length }: BranchConfig): void {
  const missing: string[] = [];
  const new_schedule =
    'a schedule, such as { peak_lr: 1e-4 } or { rewarm: { peak_lr: 1e-4, shape: "cosine" } }';
  const horizon = length.horizon_steps ?? length.horizon_tokens;
  const needs_length = (steps ?? tokens ?? horizon) === undefined;
  if (schedule === "keep") {
    missing.push(
      `has no schedule to keep: set ${new_schedule}${needs_length ? ", and steps or tokens" : ""}`,
    );
  } else if ("rewarm" in schedule && schedule.rewarm.shape === undefined) {
    missing.push(
      'has no schedule whose shape could start again: set rewarm.shape, such as "cosine"',
    );
  }
  if (data === "keep") missing.push('has no data position to keep: set data "restart"');
  if (missing.length > 0) {
    throw new Error(`the checkpoint is an imported model, which ${missing.join("; and ")}`);
  }
}

function checkMixture(state: TrainerState, { preset, data, mixture }: BranchConfig): void {
  if (data === "keep" && state.mixture.length === 0) {
    throw new Error(
      'the checkpoint was not trained on a mixture, so it has no data position; set data "restart"',
    );
  }
  if (preset !== "continued_pretrain" || mixture === undefined) return;
  const general = new Set(Object.keys(firstMixture(state) ?? {}));
  const kept = sourcesIn(mixture).filter((source) => general.has(source));
  if (kept.length === 0) return;
  throw new Error(
    `continued_pretrain needs specialised data only, but the run began with "${kept[0]}"; ` +
      'leave it out of the mixture, or set preset "midtrain"',
  );
}

/** The mixture that the run began with, before any restart of the data. */
function firstMixture({ lineage = [], mixture }: TrainerState) {
  return (lineage.find(({ mixture }) => mixture.length > 0)?.mixture ?? mixture)[0]?.weights;
}

function sourcesIn(mixture: MixtureConfig): string[] {
  const all = Array.isArray(mixture)
    ? mixture.map(({ weights }: { weights: Record<string, number> }) => weights)
    : [mixture as Record<string, number>];
  return all.flatMap((weights) => Object.keys(weights).filter((source) => weights[source] > 0));
}

/** How long an imported model was trained, as far as known. */
export interface ImportedProgress {
  readonly steps: number;
  readonly tokens: number;
  readonly sequence_length: number;
  readonly global_batch_size: number;
}

/**
 * The state of a model that was trained elsewhere, from which training can branch: its schedule has ended, its optimizer
 * has no moments, and no source has been read.
 */
export function importedState(
  { steps, tokens, sequence_length, global_batch_size }: ImportedProgress,
  seed: number,
): TrainerState {
  const ended = schedule_schema.parse({ peak_lr: 1e-6, warmup_steps: 0, shape: "constant" });
  return {
    ...freshState({
      schedule: resolveSchedule(ended, Math.max(1, steps)),
      optimizer: optimizer_schema.parse({}),
      sequence_length,
      global_batch_size,
      seed,
      phase: "import_model",
    }),
    step: steps,
    tokens,
    ...(steps > 0 && { optimizer_start_step: steps, data_start_step: steps }),
  };
}

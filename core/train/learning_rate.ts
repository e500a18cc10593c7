/**
 * The learning rate of every step, and the config of its schedule. The horizon belongs to the schedule, not to a phase: a
 * midtraining phase continues the curve that pretraining began.
 *
 * @module
 */
import { z } from "zod";
import { count } from "../config/mod.ts";

/** Highest learning rate, reached at the end of the warm-up. */
const peak_lr = z.number().positive();
/** Learning rate at the horizon. */
const min_lr = z.number().nonnegative().default(0);
/** Share of the horizon spent warming up. */
const warmup_ratio = z.number().min(0).max(1).default(0.1);
/** Optimizer steps spent warming up, instead of a share of the horizon. */
const warmup_steps = count.optional();
/** wsd: how the rate falls at the end: linearly, as 1 - √progress, or as half a cosine. */
const decay = z.enum(["linear", "1-sqrt", "cosine"]).default("linear");
/** wsd: share of the horizon, at its end, in which the rate falls. */
const decay_ratio = z.number().min(0).max(1).default(0.2);

/** Curve after the warm-up; "cosine" when left out. */
const shape = {
  cosine: z.literal("cosine").optional(), // no default, so that a config without a shape keeps its key
  linear: z.literal("linear"),
  constant: z.literal("constant"),
  wsd: z.literal("wsd"),
};

const rise = { peak_lr, warmup_ratio, warmup_steps };

/** One schema for each shape, so that fields of other shapes are rejected. */
function shapes<F extends z.ZodRawShape>(more: F) {
  return z.discriminatedUnion("shape", [
    z.strictObject({ shape: shape.cosine, ...rise, min_lr, ...more }),
    z.strictObject({ shape: shape.linear, ...rise, min_lr, ...more }),
    z.strictObject({ shape: shape.constant, ...rise, ...more }),
    z.strictObject({ shape: shape.wsd, ...rise, min_lr, decay, decay_ratio, ...more }),
  ]);
}

/**
 * Linear warm-up, then a shape: "cosine" (the default; paper, section 3: 3e-4 to 1e-6 with 10% warm-up); "linear" decay;
 * "constant"; "wsd": warm-up, stable at the peak, decay at the end.
 */
export const schedule_schema = shapes({}).refine(
  (config) =>
    config.shape !== "wsd" || config.warmup_ratio + config.decay_ratio <= 1 ||
    config.warmup_steps !== undefined,
  { message: "warmup_ratio + decay_ratio must not exceed 1", path: ["decay_ratio"] },
);

export type ScheduleConfig = z.output<typeof schedule_schema>;

/** A schedule in use, with its horizon and the step at which it begins; checkpoints store it. */
export const placed_schedule_schema = shapes({
  /** Optimizer steps of the schedule. */
  horizon_steps: count,
  /** Step of the run at which it begins; 0 when left out. */
  start_step: count.optional(),
  /** Learning rate from which it warms up; 0 when left out. */
  start_lr: z.number().nonnegative().optional(),
});

export type Schedule = z.output<typeof placed_schedule_schema>;

/** A warm-up to a new peak, from the learning rate of the checkpoint. */
export const rewarm_schema = z.strictObject({
  ...rise,
  /** Curve after the warm-up; the checkpoint's when not set. An imported model has none, so it must be set. */
  shape: z.enum(["cosine", "linear", "constant", "wsd"]).optional(),
  /** Learning rate at the horizon, of a new shape; 0 when not set. */
  min_lr: z.number().nonnegative().optional(),
}).superRefine(({ shape, min_lr }, context) => {
  if (min_lr === undefined || (shape !== undefined && shape !== "constant")) return;
  const message = shape === undefined
    ? "needs a shape: without one, the checkpoint's shape and min_lr continue"
    : 'has no meaning for the shape "constant"';
  context.addIssue({ code: "custom", message, path: ["min_lr"] });
});

/**
 * A schedule with its horizon.
 *
 * @param horizon_steps optimizer steps of the schedule, later phases included.
 * @param start_step step of the run at which it begins.
 * @throws {Error} when warm-up and decay do not fit into the horizon.
 */
export function resolveSchedule(
  config: ScheduleConfig,
  horizon_steps: number,
  start_step = 0,
): Schedule {
  const { warmup, decay } = stretches({ ...config, horizon_steps });
  if (warmup + decay > horizon_steps) {
    throw new Error(
      `a schedule of ${horizon_steps} steps has no room for ${warmup} steps of warm-up` +
        `${decay > 0 ? ` and ${decay} of decay` : ""}; lower warmup_steps or raise the horizon`,
    );
  }
  return { ...config, horizon_steps, ...(start_step > 0 && { start_step }) };
}

/**
 * Starts the shape of a schedule, or another one, at step `start_step`: it warms up from the learning rate that the
 * schedule has reached there (Ibrahim et al., 2024, "Simple and Scalable Strategies to Continually Pre-train Large
 * Language Models", section 4.1).
 */
export function rewarmSchedule(
  schedule: Schedule,
  rewarm: z.output<typeof rewarm_schema>,
  horizon_steps: number,
  start_step: number,
): Schedule {
  const { warmup_steps: _, ...before } = schedule;
  const config = rewarm.shape === undefined
    ? { ...before, ...rewarm } as Schedule
    : schedule_schema.parse({
      ...rewarm,
      shape: rewarm.shape === "cosine" ? undefined : rewarm.shape,
    });
  const start_lr = start_step === 0 ? 0 : learningRate(schedule, start_step - 1);
  return { ...resolveSchedule(config, horizon_steps, start_step), start_lr };
}

/** Steps of warm-up and of decay. Rounding the two shares must not make them overlap. */
function stretches(schedule: ScheduleConfig & { horizon_steps: number }) {
  const { warmup_ratio, warmup_steps, horizon_steps } = schedule;
  const warmup = warmup_steps ?? Math.round(warmup_ratio * horizon_steps);
  if (schedule.shape !== "wsd") return { warmup, decay: 0 };
  const decay = Math.round(schedule.decay_ratio * horizon_steps);
  const overlaps_by_one = warmup_steps === undefined && warmup + decay === horizon_steps + 1;
  return { warmup, decay: overlaps_by_one ? decay - 1 : decay };
}

/** What is left of the way from min to peak after a share `p` of the decay of a wsd schedule. */
const LEFT = {
  "linear": (p: number) => 1 - p,
  "1-sqrt": (p: number) => 1 - Math.sqrt(p),
  "cosine": (p: number) => (1 + Math.cos(Math.PI * p)) / 2,
};

/**
 * The learning rate of step `step` of the run, counted from 0. With t steps since the schedule began, warm-up W,
 * decay D and horizon T, in steps, p(a) = min(1, (t + 1 - a) / (T - a)) the progress since step a, and f the
 * fraction of the way from min to peak:
 *
 *     start + (peak - start) (t + 1) / W   for t < W, in all shapes
 *     min + (peak - min) f                 after, with
 *
 *     cosine     f = (1 + cos(π p(W))) / 2
 *     linear     f = 1 - p(W)
 *     constant   f = 1
 *     wsd        f = 1 for t < T - D, then with p = p(T - D) one of 1 - p, 1 - √p and (1 + cos(π p)) / 2
 *
 * @example
 * ```ts
 * import { learningRate } from "./mod.ts";
 * import assert from "node:assert/strict";
 *
 * const schedule = { peak_lr: 1e-3, min_lr: 1e-5, warmup_ratio: 0.1, horizon_steps: 100 };
 * assert.equal(learningRate(schedule, 9), 1e-3);
 * assert.equal(learningRate(schedule, 99), 1e-5);
 *
 * const wsd = { ...schedule, shape: "wsd", decay: "linear", decay_ratio: 0.2 } as const;
 * assert.equal(learningRate(wsd, 79), 1e-3);
 * ```
 */
export function learningRate(schedule: Schedule, step: number): number {
  const { peak_lr, horizon_steps, start_step = 0, start_lr = 0 } = schedule;
  const done = step - start_step + 1;
  const { warmup, decay } = stretches(schedule);
  if (done <= warmup) return start_lr + (peak_lr - start_lr) * done / warmup;
  const progress = (from: number) => Math.min(1, (done - from) / Math.max(1, horizon_steps - from));
  switch (schedule.shape) {
    case "constant":
      return peak_lr;
    case "linear":
      return schedule.min_lr + (peak_lr - schedule.min_lr) * (1 - progress(warmup));
    case "wsd": {
      const p = Math.max(0, decay === 0 ? 0 : progress(horizon_steps - decay));
      return schedule.min_lr + (peak_lr - schedule.min_lr) * LEFT[schedule.decay](p);
    }
    default: // cosine
      return schedule.min_lr +
        (peak_lr - schedule.min_lr) * (1 + Math.cos(Math.PI * progress(warmup))) / 2;
  }
}

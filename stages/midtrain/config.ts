import { compute_fields } from "../../core/engine/mod.ts";
import { z } from "zod";
import {
  checkpointing_fields,
  micro_batch_size,
  mixture_schema,
  repeat_schema,
  rewarm_schema,
  schedule_schema,
  validation_schema,
} from "../../core/train/mod.ts";

const whole = z.number().int().positive();

/** Of the three forms of `schedule`, says what is wrong with the one that is meant. */
const explainSchedule: z.core.$ZodErrorMap = ({ input, ...issue }) => {
  if (issue.code !== "invalid_union" || typeof input !== "object" || input === null) {
    return 'takes "keep", { rewarm: … } or a schedule of its own, { peak_lr: … }';
  }
  const [, rewarm, own] = issue.errors as z.core.$ZodIssue[][];
  return ("rewarm" in input ? rewarm : own)
    .map(({ path, message }) => [path.join("."), message].filter(Boolean).join(": ")).join("; ");
};

export const config = z.strictObject({
  /**
   * "midtrain" changes the mixture; "continued_pretrain" goes on with specialised data alone (paper, table 3): it
   * takes a mixture without the sources that the run began with. Both keep weights, schedule, optimizer and data
   * position, unless the fields below say otherwise.
   */
  preset: z.enum(["midtrain", "continued_pretrain"]).default("midtrain"),
  /**
   * Sources and their shares of the tokens from here on, or points along the phase, as in pretraining. Left out, the
   * checkpoint's mixture goes on: the control arm.
   */
  mixture: mixture_schema.optional(),
  /** Optimizer steps of this phase; up to the schedule's horizon when left out. */
  steps: whole.optional(),
  /** Input tokens of this phase, in place of steps: a whole number of them. */
  tokens: whole.optional(),
  /**
   * "keep": the checkpoint's curve goes on; a schedule, as in pretraining: it begins here, at its first step;
   * `{ rewarm: { peak_lr } }`: the checkpoint's shape begins here, warming up from the learning rate there is.
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
  /** Optimizer steps of a schedule that begins here, later phases included; this phase's when left out. */
  horizon_steps: whole.optional(),
  /** Input tokens of a schedule that begins here, in place of steps. */
  horizon_tokens: whole.optional(),
  /** "keep": moments and bias corrections go on; "reset": they begin anew, with the settings they had. */
  optimizer: z.enum(["keep", "reset"]).default("keep"),
  /**
   * "keep": nothing is drawn that the run has drawn before; "restart": sources are drawn from their beginning, in
   * the order of this step's seed, and repeats are counted from here.
   */
  data: z.enum(["keep", "restart"]).default("keep"),
  micro_batch_size,
  validation: validation_schema.prefault({}),
  /**
   * Whether sources may be read more than once; or the names of those that may. The paper allows it to no midtraining
   * data.
   */
  allow_repeat: repeat_schema,
  ...checkpointing_fields,
  ...compute_fields,
}).superRefine((config, context) => {
  const refuse = (field: keyof typeof config, message: string) =>
    context.addIssue({ code: "custom", message, path: [field] });
  const { steps, tokens, horizon_steps, horizon_tokens, schedule, mixture } = config;
  if (steps !== undefined && tokens !== undefined) refuse("tokens", "is set beside steps");
  if (horizon_steps !== undefined && horizon_tokens !== undefined) {
    refuse("horizon_tokens", "is set beside horizon_steps");
  }
  if (schedule === "keep" && (horizon_steps ?? horizon_tokens) !== undefined) {
    refuse(
      "schedule",
      "is kept, and its horizon with it: leave the horizon out, or set a schedule",
    );
  }
  if (config.data === "restart" && mixture === undefined) {
    refuse(
      "mixture",
      "is needed where data restart: the checkpoint's place in its own is given up",
    );
  }
  if (config.preset === "continued_pretrain" && mixture === undefined) {
    refuse("mixture", "is needed: continued pretraining goes on with specialised data alone");
  }
});

export type Config = z.output<typeof config>;

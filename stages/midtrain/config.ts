import { z } from "zod";
import { branch_fields, mixture_phase_fields } from "../../core/train/mod.ts";

export const config = z.strictObject({
  ...branch_fields,
  ...mixture_phase_fields,
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
      'is required with data "restart": the checkpoint\'s data position is dropped',
    );
  }
  if (config.preset === "continued_pretrain" && mixture === undefined) {
    refuse("mixture", "is required: continued pretraining uses specialised data only");
  }
});

export type Config = z.output<typeof config>;

/**
 * The history of a checkpoint: the phases that trained it, and what each branch kept.
 *
 * @module
 */
import { z } from "zod";
import { piece_schema } from "../batches/mod.ts";
import { count } from "../config/mod.ts";
import { counted } from "../words/mod.ts";

/** The checkpoint that a branch starts from, and what it keeps of it. Weights are always kept. */
const branch_schema = z.strictObject({
  /** Digest of that checkpoint. */
  parent: z.string(),
  preset: z.string(),
  optimizer: z.enum(["keep", "reset"]),
  schedule: z.enum(["keep", "new", "rewarm"]),
  data: z.enum(["keep", "restart"]),
});

/** One phase each. Without times and paths, so that a checkpoint's bytes do not depend on them. */
export const lineage_schema = z.array(z.strictObject({
  stage: z.string(),
  /** Steps and input tokens of the run before the phase, and at its end or at the checkpoint. */
  from_step: count,
  to_step: count,
  from_tokens: count,
  to_tokens: count,
  /** Mixtures of the phase. */
  mixture: z.array(piece_schema),
  branch: branch_schema.optional(),
}));

export type Lineage = z.output<typeof lineage_schema>;
export type Branch = z.output<typeof branch_schema>;

/** The lineage with one more phase, as at the end of that phase. */
export function extendLineage(
  start: { phase: string; step: number; tokens: number; lineage?: Lineage },
  phase: { steps: number; tokens: number; mixture: Lineage[number]["mixture"]; branch?: Branch },
): Lineage {
  const { phase: stage, step: from_step, tokens: from_tokens, lineage = [] } = start;
  const { steps, tokens, mixture, branch } = phase;
  const places = { from_step, to_step: from_step + steps, from_tokens };
  return [...lineage, {
    stage,
    ...places,
    to_tokens: from_tokens + tokens,
    mixture,
    ...(branch && { branch }),
  }];
}

/** The lineage at a checkpoint: the last phase ends there. */
export function lineageAt(
  lineage: Lineage | undefined,
  { step, tokens }: { step: number; tokens: number },
): Lineage | undefined {
  const last = lineage?.at(-1);
  if (!last) return lineage;
  return [...lineage!.slice(0, -1), { ...last, to_step: step, to_tokens: tokens }];
}

/** The switches of a branch in words. */
export function describeSwitches(
  { optimizer, schedule, data }: Omit<Branch, "parent" | "preset">,
): string {
  const schedules = { keep: "kept", new: "new", rewarm: "warmed up again" };
  return [
    "weights kept",
    `optimizer ${optimizer === "keep" ? "kept" : "reset"}`,
    `schedule ${schedules[schedule]}`,
    `data ${data === "keep" ? "kept" : "from the beginning"}`,
  ].join(", ");
}

/** One line for each phase, the newest last. */
export function describeLineage(lineage: Lineage): string[] {
  return lineage.map(({ stage, from_step, to_step, from_tokens, to_tokens, mixture, branch }) => {
    const tokens = counted(to_tokens - from_tokens, "token");
    const mixtures = mixture.map(({ weights, to }) =>
      to === undefined
        ? describeShares(weights)
        : `${describeShares(weights)} to ${describeShares(to)}`
    );
    const from = branch
      ? `; of checkpoint ${branch.parent.slice(0, 12)}, ${describeSwitches(branch)}`
      : "";
    return `${stage}, steps ${from_step} to ${to_step}, ${tokens}: ` +
      mixtures.join(", then ") + from;
  });
}

function describeShares(weights: Readonly<Record<string, number>>): string {
  return Object.entries(weights)
    .map(([source, share]) => `${Number((100 * share).toFixed(1))}% ${source}`).join(" + ");
}

import { z } from "zod";

const share = z.number().min(0).max(1);

const arm = z.strictObject({
  /** Name in the tables. */
  name: z.string().min(1),
  label: z.string().min(1).describe("Name shown to the reader."),
  /**
   * general data alone; a mixture; a mixture with another weight or start; specialised data alone; a mixture from the
   * first step on; or a run that is stopped early
   */
  kind: z.enum(["control", "midtrain", "ablation", "continued", "from_scratch", "along_run"]),
  /** Source, or group of sources, that its mixture adds; empty if none. */
  specialised: z.string().default(""),
  /** Sources of that group, whose tokens are counted as specialised; the source itself by default. */
  specialised_sources: z.array(z.string().min(1)).optional(),
  /** Share of that source or group. */
  weight: share.default(0),
  /** Share of the horizon at which its mixture begins. */
  start: share.default(0),
  /** Share of the horizon at which it ends. */
  end: share.default(1),
  /** Labels of its phases in trunk 0 among the mixtures, in order; other trunks draw as many tokens. */
  phases: z.array(z.string()).min(1),
  /** Arm that it is compared with; its own name if it is not compared. */
  reference: z.string(),
});

const run = z.strictObject({
  /** Label among the training and validation metrics. */
  label: z.string(),
  /** Name of the arm. */
  arm: z.string(),
  /** Source of the fine-tuning set. */
  target: z.string(),
  /** Fine-tuning seed; runs of different arms are paired by it and the trunk. */
  seed: z.int(),
  /** Index of the trunk, an independent pretraining, that the arm branched off. */
  trunk: z.int().min(0).default(0),
});

export const config = z.strictObject({
  /** The arms to compare. */
  arms: z.array(arm).min(1),
  /** Fine-tuning runs. */
  runs: z.array(run).min(1),
  /** Confidence of the intervals of differences. */
  confidence: z.number().gt(0).lt(1).default(0.95),
}).superRefine(({ arms, runs }, context) => {
  const refuse = (path: (string | number)[], message: string) =>
    context.addIssue({ code: "custom", message, path });
  const names = arms.map(({ name }) => name);
  arms.forEach(({ name, reference }, i) => {
    if (names.indexOf(name) !== i) refuse(["arms", i, "name"], `two arms are named "${name}"`);
    if (!names.includes(reference)) {
      refuse(["arms", i, "reference"], `unknown arm "${reference}"`);
    }
  });
  runs.forEach(({ arm, target, seed, trunk }, i) => {
    if (!names.includes(arm)) refuse(["runs", i, "arm"], `unknown arm "${arm}"`);
    const first = runs.findIndex((run) => {
      return run.arm === arm && run.target === target && run.seed === seed && run.trunk === trunk;
    });
    if (first !== i) {
      refuse(["runs", i], `duplicate run: ${arm}, ${target}, seed ${seed}, trunk ${trunk}`);
    }
  });
});

export type Config = z.output<typeof config>;

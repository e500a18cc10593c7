import { z } from "zod";

const share = z.number().min(0).max(1);

const arm = z.strictObject({
  /** Name in the tables. */
  name: z.string().min(1),
  label: z.string().min(1).describe("Name for readers."),
  /**
   * What it is: general data alone; a mixture; one with another weight or start; specialised data alone; or a run that
   * is stopped on the way.
   */
  kind: z.enum(["control", "midtrain", "ablation", "continued", "along_run"]),
  /** Source that its mixture adds; empty for none. */
  specialised: z.string().default(""),
  /** Share of that source. */
  weight: share.default(0),
  /** Share of the horizon at which its mixture begins. */
  start: share.default(0),
  /** Share of the horizon at which it ends. */
  end: share.default(1),
  /** Labels of its phases among the mixtures, in order. */
  phases: z.array(z.string()).min(1),
  /** Arm that it is compared with; itself for one that is not. */
  reference: z.string(),
});

const run = z.strictObject({
  /** Label among the training and validation metrics. */
  label: z.string(),
  /** Name of the arm. */
  arm: z.string(),
  /** Source that was fine-tuned on. */
  target: z.string(),
  /** Pairs runs of different arms. */
  seed: z.int(),
});

export const config = z.strictObject({
  /** What is compared. */
  arms: z.array(arm).min(1),
  /** Fine-tuning runs. */
  runs: z.array(run).min(1),
  /** Of the intervals of differences. */
  confidence: z.number().gt(0).lt(1).default(0.95),
}).superRefine(({ arms, runs }, context) => {
  const refuse = (path: (string | number)[], message: string) =>
    context.addIssue({ code: "custom", message, path });
  const names = arms.map(({ name }) => name);
  arms.forEach(({ name, reference }, i) => {
    if (names.indexOf(name) !== i) refuse(["arms", i, "name"], `two arms are named "${name}"`);
    if (!names.includes(reference)) {
      refuse(["arms", i, "reference"], `is "${reference}", which is no arm`);
    }
  });
  runs.forEach(({ arm, target, seed }, i) => {
    if (!names.includes(arm)) refuse(["runs", i, "arm"], `is "${arm}", which is no arm`);
    const first = runs.findIndex((run) => {
      return run.arm === arm && run.target === target && run.seed === seed;
    });
    if (first !== i) refuse(["runs", i], `is the run ${arm}, ${target}, seed ${seed} once more`);
  });
});

export type Config = z.output<typeof config>;

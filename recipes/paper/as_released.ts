/**
 * What the authors' code does where the text of the paper says otherwise or nothing (docs/paper.md, "As released").
 *
 * @module
 */
import type { StudySettings } from "./settings.ts";

type FineTuning = StudySettings["fine_tuning"];

/**
 * The settings with the choices of the authors' code. They replace what the settings say of the same things; data, arms,
 * lengths and learning rates stay.
 */
export function asReleased(settings: StudySettings): StudySettings {
  const { resamples } = settings.similarity ?? {};
  const { cka, evaluation, fine_tuning, general, targets } = settings;
  const released: StudySettings = {
    ...settings,
    initialization: "litgpt",
    data_stream: "restart",
    fine_tuning: tuned({ ...fine_tuning, validation: byDocument(fine_tuning, general) }),
    targets: targets.map((target) => {
      const { fine_tuning } = target;
      if (fine_tuning === undefined) return target;
      const validation = fine_tuning.validation && byDocument(fine_tuning, general);
      return { ...target, fine_tuning: tuned({ ...fine_tuning, ...validation && { validation } }) };
    }),
    similarity: { preset: "as_released", ...resamples !== undefined && { resamples } },
    ...cka && { cka: { ...cka, config: { ...cka.config, ...POOLED } } },
    ...evaluation && { evaluation: { ...evaluation, average: "document" } },
  };
  return { ...released, facts: { ...settings.facts, ...FACTS } };
}

/** CKA of one row per text, the mean of its hidden states; 1,000 texts of 200 words. */
const POOLED = {
  rows: "document_mean",
  estimator: "biased",
  max_texts: 1000,
  words_per_text: 200,
} as const;

/** The general data's loss as the mean over documents of their means. */
function byDocument({ validation }: Partial<FineTuning>, general: string) {
  return { ...validation, by_document: [general] };
}

/**
 * torch's AdamW with its defaults, no clipping, a cosine to 0, and the mean of micro-batches' means as the loss of a batch.
 */
function tuned<F extends Partial<FineTuning>>(fine_tuning: F): F {
  const { schedule } = fine_tuning;
  return {
    ...fine_tuning,
    ...schedule && { schedule: { ...riseOf(schedule), shape: "cosine", min_lr: 0 } },
    optimizer: { preset: "torch_default" },
    loss_average: "micro_batch",
  };
}

/** The peak and the warm-up of a schedule, without what is special to its shape. */
function riseOf({ peak_lr, warmup_ratio, warmup_steps }: FineTuning["schedule"]) {
  return {
    peak_lr,
    ...warmup_ratio !== undefined && { warmup_ratio },
    ...warmup_steps !== undefined && { warmup_steps },
  };
}

const FACTS = {
  "choices where the paper's text and the authors' code differ":
    "those of the code (as_released): LitGPT's initial weights; each arm reads its data from the beginning again; " +
    "fine-tuning with " +
    "torch's AdamW defaults, no clipping, a cosine to 0 and the mean of micro-batches' means; general loss as a " +
    "mean over documents; similarity of 512 tokens a text, with 1 / (1 + JS) and mixtures of full samples; CKA " +
    "of one row per text",
};

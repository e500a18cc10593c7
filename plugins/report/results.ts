/**
 * The results: what fine-tuning did to each arm, and how the arms differ.
 *
 * @module
 */
import type { Arm, EvaluationRow, ReportConfig } from "./inputs.ts";

/** One model on one source. Loss in nats per token; bits per byte are null where unknown. */
export interface Measure {
  loss: number;
  bits_per_byte: number | null;
  /** exp(loss) */
  perplexity: number;
}

/** One arm on one source, before and after fine-tuning. */
export interface BeforeAfter {
  before: Measure;
  after: Measure;
  /** after.loss - before.loss, nats per token. On general text this is the forgetting. */
  change: number;
}

export interface ArmResult {
  name: string;
  label: string;
  target: BeforeAfter;
  general: BeforeAfter;
}

/** Losses of an arm minus those of the reference arm, nats per token: negative means a lower loss. */
export interface Contrast {
  name: string;
  label: string;
  reference: string;
  reference_label: string;
  target_before: number;
  target_after: number;
  general_before: number;
  general_after: number;
  forgetting: number;
}

export interface Results {
  base?: { model: string; target: Measure; general: Measure };
  arms: ArmResult[];
  contrasts: Contrast[];
}

/**
 * Computes the results from the evaluations.
 *
 * @returns undefined when nothing was evaluated.
 * @throws {Error} when the config names a model or source that was not evaluated, or one was evaluated twice.
 */
export function computeResults(config: ReportConfig, rows: EvaluationRow[]): Results | undefined {
  if (rows.length === 0) return undefined;
  const measures = indexMeasures(rows);
  const find = (model: string, source: string): Measure => {
    const found = measures.get(`${model}\n${source}`);
    if (found) return found;
    const known = [...measures.keys()].map((key) => key.replace("\n", " on ")).sort().join(", ");
    throw new Error(
      `the loss of model "${model}" on source "${source}" was not evaluated ` +
        `(evaluated: ${known}); correct the report's config or evaluate that model`,
    );
  };
  const beforeAfter = (arm: Arm, source: string): BeforeAfter => {
    const before = find(arm.before_sft, source), after = find(arm.after_sft, source);
    return { before, after, change: after.loss - before.loss };
  };
  const { target_source, general_source, base } = config;
  const arms = config.arms.map((arm) => ({
    name: arm.name,
    label: arm.label,
    target: beforeAfter(arm, target_source),
    general: beforeAfter(arm, general_source),
  }));
  return {
    ...(base && {
      base: {
        model: base,
        target: find(base, target_source),
        general: find(base, general_source),
      },
    }),
    arms,
    contrasts: arms.slice(1).map((arm) => contrast(arm, arms[0])),
  };
}

function indexMeasures(rows: EvaluationRow[]): Map<string, Measure> {
  const measures = new Map<string, Measure>();
  for (const { model, source, loss, bits_per_byte } of rows) {
    const key = `${model}\n${source}`;
    if (measures.has(key)) {
      throw new Error(
        `model "${model}" was evaluated twice on source "${source}"; wire each evaluation to the report once`,
      );
    }
    measures.set(key, { loss, bits_per_byte, perplexity: Math.exp(loss) });
  }
  return measures;
}

function contrast(arm: ArmResult, reference: ArmResult): Contrast {
  return {
    name: arm.name,
    label: arm.label,
    reference: reference.name,
    reference_label: reference.label,
    target_before: arm.target.before.loss - reference.target.before.loss,
    target_after: arm.target.after.loss - reference.target.after.loss,
    general_before: arm.general.before.loss - reference.general.before.loss,
    general_after: arm.general.after.loss - reference.general.after.loss,
    forgetting: arm.general.change - reference.general.change,
  };
}

/** The main table: one row per arm, then each arm's difference from the reference arm. */
export function resultRows(results: Results) {
  const arms = results.arms.map((arm) => ({
    row: arm.label,
    target_before: arm.target.before.loss,
    target_after: arm.target.after.loss,
    target_change: arm.target.change,
    general_before: arm.general.before.loss,
    general_after: arm.general.after.loss,
    forgetting: arm.general.change,
    difference: false,
  }));
  const contrasts = results.contrasts.map((contrast) => ({
    row: `${contrast.label} − ${contrast.reference_label}`,
    target_before: contrast.target_before,
    target_after: contrast.target_after,
    target_change: contrast.target_after - contrast.target_before,
    general_before: contrast.general_before,
    general_after: contrast.general_after,
    forgetting: contrast.forgetting,
    difference: true,
  }));
  return [...arms, ...contrasts];
}

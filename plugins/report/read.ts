/**
 * Reads the input tables into rows. They are small: a report reads measurements, never tokens or weights.
 *
 * @module
 */
import { type RowOf, rowsByLabel, rowsOf } from "../../core/report/mod.ts";
import { type InputPorts, type Inputs, many, optional, ports } from "../../core/stage/mod.ts";

/** Inputs of the report. Every one may be left empty; its section is then left out. */
export const report_inputs = {
  evaluation: many(ports.evaluation, 0),
  similarity: optional(ports.similarity),
  cka: many(ports.cka, 0),
  training: many(ports.training_metrics, 0),
  validation: many(ports.validation_metrics, 0),
  mixtures: many(ports.mixture_ledger, 0),
  samples: many(ports.batch_samples, 0),
  data: optional(ports.dataset_summary),
} satisfies InputPorts;

export type EvaluationRow = RowOf<typeof ports.evaluation>;
export type SimilarityRow = RowOf<typeof ports.similarity>;
export type CkaRow = RowOf<typeof ports.cka>;
export type TrainingRow = RowOf<typeof ports.training_metrics>;
export type ValidationRow = RowOf<typeof ports.validation_metrics>;
export type MixtureRow = RowOf<typeof ports.mixture_ledger>;
export type SampleRow = RowOf<typeof ports.batch_samples>;
export type DataRow = RowOf<typeof ports.dataset_summary>;

/** All measurements, as rows. Records are by phase label, in the order of the labels. */
export interface Measurements {
  evaluation: EvaluationRow[];
  similarity: SimilarityRow[];
  cka: CkaRow[];
  training: Record<string, TrainingRow[]>;
  validation: Record<string, ValidationRow[]>;
  mixtures: Record<string, MixtureRow[]>;
  samples: Record<string, SampleRow[]>;
  data: DataRow[];
}

/**
 * Reads every input.
 *
 * @param order labels of phases in the order in which they are shown; others follow, sorted.
 */
export async function readMeasurements(
  inputs: Inputs<typeof report_inputs>,
  order: readonly string[],
): Promise<Measurements> {
  return {
    evaluation: Object.values(await rowsByLabel(inputs.evaluation, order)).flat(),
    similarity: inputs.similarity ? await rowsOf(inputs.similarity) : [],
    cka: Object.values(await rowsByLabel(inputs.cka, order)).flat(),
    training: await rowsByLabel(inputs.training, order),
    validation: await rowsByLabel(inputs.validation, order),
    mixtures: await rowsByLabel(inputs.mixtures, order),
    samples: await rowsByLabel(inputs.samples, order),
    data: inputs.data ? await rowsOf(inputs.data) : [],
  };
}

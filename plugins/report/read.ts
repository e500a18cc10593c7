/**
 * Reads the input tables into rows. They are small: a report reads measurements, never tokens or weights.
 *
 * @module
 */
import {
  type Columns,
  type InputPorts,
  type Inputs,
  many,
  optional,
  ports,
  type TableInput,
} from "../../core/stage/mod.ts";

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

/** One row of a table whose columns are all scalars. */
export type Row<C extends Columns> = {
  -readonly [K in keyof C]: C[K] extends "utf8" ? string : number;
};

type RowOf<P extends { columns: Columns }> = Row<P["columns"]>;
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

async function rowsByLabel<C extends Columns>(
  tables: Readonly<Record<string, TableInput<C>>>,
  order: readonly string[],
): Promise<Record<string, Row<C>[]>> {
  // Never the order of wiring, which must not change the report.
  const known = order.filter((label) => label in tables);
  const labels = [...new Set([...known, ...Object.keys(tables).sort()])];
  return Object.fromEntries(
    await Promise.all(labels.map(async (label) => [label, await rowsOf(tables[label])])),
  );
}

async function rowsOf<C extends Columns>(input: TableInput<C>): Promise<Row<C>[]> {
  const rows: Row<C>[] = [];
  for await (const batch of input.batches()) {
    const columns = Object.entries(batch) as [string, ArrayLike<string | number>][];
    const length = columns[0]?.[1].length ?? 0;
    for (let i = 0; i < length; i++) {
      rows.push(Object.fromEntries(columns.map(([name, values]) => [name, values[i]])) as Row<C>);
    }
  }
  return rows;
}

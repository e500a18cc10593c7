/**
 * Tables, as CSV files and as what the page shows.
 *
 * @module
 */
// @ts-types="npm:@types/d3-dsv@3.0.7"
import { csvFormat } from "d3-dsv";
import { decimals, signed } from "../../core/report/mod.ts";
import type { CkaRow, EvaluationRow, Measurements } from "./read.ts";
import type { Results } from "./results.ts";

/** The main table: one row per arm and quantity, then the differences from the reference arm. */
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
    row: `${contrast.label} minus ${contrast.reference_label}`,
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

/** How a value of a result row is shown: differences carry their sign. */
export function resultCell(row: { difference: boolean }, value: number): string {
  return row.difference ? signed(value) : decimals(value);
}

/** CKA of equal layers of two models on one probe. */
export interface SameLayerCka {
  probe: string;
  model_a: string;
  model_b: string;
  mean: number;
  last: number;
}

/** Mean CKA of equal layers, and CKA of the last layer, for each probe and pair of different models. */
export function sameLayerCka(rows: readonly CkaRow[]): SameLayerCka[] {
  const same = rows.filter((row) => row.model_a !== row.model_b && row.layer_a === row.layer_b);
  const groups = Map.groupBy(same, (row) => `${row.probe}\n${row.model_a}\n${row.model_b}`);
  return [...groups.values()].map((group) => {
    const deepest = group.reduce((a, b) => (b.layer_a > a.layer_a ? b : a));
    return {
      probe: deepest.probe,
      model_a: deepest.model_a,
      model_b: deepest.model_b,
      mean: group.reduce((sum, row) => sum + row.cka, 0) / group.length,
      last: deepest.cka,
    };
  });
}

/** Every table as CSV, by file name. Tables without rows are left out. */
export function csvFiles(all: Measurements, results: Results | undefined): Record<string, string> {
  const labelled = <R extends object>(phases: Record<string, R[]>) =>
    Object.entries(phases).flatMap(([phase, rows]) => rows.map((row) => ({ phase, ...row })));
  const perplexity = (row: EvaluationRow) => ({ ...row, perplexity: Math.exp(row.loss) });
  const tables: Record<string, object[]> = {
    results: results ? resultRows(results).map(({ difference: _, ...row }) => row) : [],
    evaluation: all.evaluation.map(perplexity),
    training: labelled(all.training),
    validation: labelled(all.validation),
    mixtures: labelled(all.mixtures),
    samples: labelled(all.samples),
    similarity: all.similarity,
    cka: all.cka,
    data: all.data,
  };
  return Object.fromEntries(
    Object.entries(tables).filter(([, rows]) => rows.length > 0)
      .map(([name, rows]) => [`tables/${name}.csv`, csvFormat(rows) + "\n"]),
  );
}

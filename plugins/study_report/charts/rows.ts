/**
 * Temporary row types.
 *
 * @module
 */
import type { RowOf } from "../../../core/report/mod.ts";
import type { ports, study_ports } from "../../../core/stage/mod.ts";
import type { outputs as sweep } from "../../lr_sweep/results.ts";

type By<R> = Record<string, R[]>;

export interface StudyMeasurements {
  arms: RowOf<typeof study_ports.study_arms>[];
  runs: RowOf<typeof study_ports.study_runs>[];
  comparison: RowOf<typeof study_ports.study_comparison>[];
  proximity: RowOf<typeof study_ports.proximity>[];
  correlation: RowOf<typeof study_ports.proximity_correlation>[];
  legs: RowOf<typeof study_ports.proximity_legs>[];
  similarity: RowOf<typeof ports.similarity>[];
  cka: By<RowOf<typeof ports.cka>>;
  shift: By<RowOf<typeof ports.final_layer_shift>>;
  rates: By<RowOf<typeof sweep.losses>>;
  best: By<RowOf<typeof ports.learning_rates>>;
  training: By<RowOf<typeof ports.training_metrics>>;
  validation: By<RowOf<typeof ports.validation_metrics>>;
  mixtures: By<RowOf<typeof ports.mixture_ledger>>;
  tasks: RowOf<typeof study_ports.task_results>[];
  evaluation: RowOf<typeof ports.evaluation>[];
  data: RowOf<typeof ports.dataset_summary>[];
}

export interface StudyReportConfig {
  title: string;
  general: string;
  targets: { name: string; label: string }[];
  matched: { specialised: string; target: string }[];
}

/**
 * Reads the input tables into rows.
 *
 * @module
 */
import { type RowOf, rowsByLabel, rowsOf } from "../../core/report/mod.ts";
import {
  type Columns,
  type InputPorts,
  type Inputs,
  many,
  optional,
  ports,
  study_ports,
  type TableInput,
} from "../../core/stage/mod.ts";

/** Inputs of the report. Every one may be left out; its part of the page is then left out too. */
export const study_report_inputs = {
  arms: optional(study_ports.study_arms),
  runs: optional(study_ports.study_runs),
  comparison: optional(study_ports.study_comparison),
  proximity: optional(study_ports.proximity),
  correlation: optional(study_ports.proximity_correlation),
  legs: optional(study_ports.proximity_legs),
  similarity: optional(ports.similarity),
  /** By pair of arm and target. */
  cka: many(ports.cka, 0),
  shift: many(ports.final_layer_shift, 0),
  /** By target. */
  rates: many(study_ports.learning_rate_losses, 0),
  best: many(ports.learning_rates, 0),
  /** By phase. */
  training: many(ports.training_metrics, 0),
  validation: many(ports.validation_metrics, 0),
  mixtures: many(ports.mixture_ledger, 0),
  /** By task. */
  tasks: many(study_ports.task_results, 0),
  evaluation: many(ports.evaluation, 0),
  data: optional(ports.dataset_summary),
} satisfies InputPorts;

type Ports = typeof study_report_inputs;
type RowsOf<P> = P extends { kind: "many"; port: { columns: infer C extends Columns } }
  ? Record<string, RowOf<{ columns: C }>[]>
  : P extends { kind: "optional"; port: { columns: infer C extends Columns } }
    ? RowOf<{ columns: C }>[]
  : never;

/** All that was measured, as rows; tables of several sources by label. */
export type StudyMeasurements =
  & { [K in Exclude<keyof Ports, "tasks" | "evaluation">]: RowsOf<Ports[K]> }
  & {
    tasks: RowOf<typeof study_ports.task_results>[];
    evaluation: RowOf<typeof ports.evaluation>[];
  };

/** Reads every input; what is not wired has no rows. */
export async function readMeasurements(inputs: Inputs<Ports>): Promise<StudyMeasurements> {
  const entries = await Promise.all(
    Object.entries(study_report_inputs).map(async ([name, { kind }]) => {
      const input = inputs[name as keyof Ports];
      if (kind === "optional") {
        return [name, input ? await rowsOf(input as TableInput<Columns>) : []];
      }
      return [name, await rowsByLabel(input as Record<string, TableInput<Columns>>, [])];
    }),
  );
  const all = Object.fromEntries(entries);
  const flat = (name: string) => Object.values(all[name]).flat();
  return { ...all, tasks: flat("tasks"), evaluation: flat("evaluation") };
}

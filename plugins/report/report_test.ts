import assert from "node:assert/strict";
import { type InputPorts, type Inputs, ports, type StageContext } from "../../core/stage/mod.ts";
import { dataset_summary, report, report_config, type ReportConfig } from "./mod.ts";
import { type Measurements, report_inputs } from "./read.ts";
import { SAMPLE_CONFIG, sampleMeasurements, tableOf } from "./sample.ts";

type Written = Record<string, string>;

/** Runs the stage on the measurements; empty parts are left unwired. */
async function runReport(all: Measurements, config: unknown = SAMPLE_CONFIG): Promise<Written> {
  const written: Written = {};
  const labelled = (columns: InputPorts, phases: Record<string, object[]>) => columns && phases;
  void labelled;
  const tables = <C extends Record<string, "utf8" | "int32" | "float64">>(
    columns: C,
    phases: Record<string, object[]>,
  ) =>
    Object.fromEntries(
      Object.entries(phases).map(([name, rows]) => [name, tableOf(columns, rows)]),
    );
  const one = (rows: object[]): Record<string, object[]> => rows.length > 0 ? { all: rows } : {};
  const inputs = {
    evaluation: tables(ports.evaluation.columns, one(all.evaluation)),
    cka: tables(ports.cka.columns, one(all.cka)),
    training: tables(ports.training_metrics.columns, all.training),
    validation: tables(ports.validation_metrics.columns, all.validation),
    mixtures: tables(ports.mixture_ledger.columns, all.mixtures),
    similarity: all.similarity.length > 0
      ? tableOf(ports.similarity.columns, all.similarity)
      : undefined,
    data: all.data.length > 0 ? tableOf(dataset_summary.columns, all.data) : undefined,
  } as unknown as Inputs<typeof report_inputs>;
  const context = {
    config: report_config.parse(config),
    inputs,
    outputs: {
      report: {
        write(name: string, content: string) {
          written[name] = content;
          return Promise.resolve();
        },
      },
    },
    seed: 1,
    signal: new AbortController().signal,
    report() {},
    log() {},
  } as unknown as StageContext<ReportConfig, typeof report_inputs, typeof report.outputs>;
  await report.run(context);
  return written;
}
const written = await runReport(sampleMeasurements());
Deno.mkdirSync("/tmp/report", { recursive: true });
for (const [name, text] of Object.entries(written)) {
  Deno.mkdirSync(`/tmp/report/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
  Deno.writeTextFileSync(`/tmp/report/${name}`, text);
}
void assert;

/**
 * Downstream tasks: how each fine-tuned model answers.
 *
 * @module
 */
import {
  decimals,
  type Dot,
  dotChart,
  type Figure,
  interval,
  leftOut,
  present,
  renderFigure,
  type Section,
  section,
  type SeriesStyle,
  shownTable,
  tableFile,
} from "@causeway/core/report";
import { study_ports } from "@causeway/core/stage";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { armStyle } from "../styles.ts";
import { scalesNote } from "../tables.ts";

/** Results of all tasks. */
export async function tasksSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const heading = "Downstream tasks";
  if (all.tasks.length === 0) {
    return leftOut("tasks", heading, "no task results are wired to the report");
  }
  const table = shownTable(
    "Share of questions that count under each metric, with 95% intervals over questions.",
    all.tasks,
    {
      model: ({ model }) => modelLabel(config, all, model),
      task: ({ task }) => task,
      metric: ({ metric }) => metric,
      "#value": ({ value }) => decimals(value),
      "#95% interval": ({ ci_low, ci_high }) => interval(ci_low, ci_high),
      "#questions": ({ n }) => String(n),
    },
    tableFile("tasks", study_ports.task_results, all.tasks),
  );
  return section("tasks", heading, {
    blocks: [table, ...await present(tasksFigure(config, all))],
  });
}

/** "code 20% from 10%, Pycode" for the model `code.pycode`; other names are unchanged. */
function modelLabel(
  { targets }: StudyReportConfig,
  { arms }: StudyMeasurements,
  model: string,
): string {
  const arm = arms.find(({ arm }) => model === arm || model.startsWith(`${arm}.`));
  if (!arm) return model;
  const target = targets.find(({ name }) => model === `${arm.arm}.${name}`);
  return target ? `${arm.label}, ${target.label}` : arm.label;
}

/** The looks of the models' arms. */
function modelStyles(config: StudyReportConfig, all: StudyMeasurements): SeriesStyle[] {
  return [...new Set(all.tasks.map(({ model }) => model))].map((model) => {
    const arm = all.arms.find(({ arm }) => model === arm || model.startsWith(`${arm}.`));
    return armStyle(all, arm, modelLabel(config, all, model));
  });
}

/** One metric of one task, for all models. */
export interface TaskPanel {
  readonly task: string;
  readonly metric: string;
  readonly dots: readonly Dot[];
}

/** Metrics as percentages, by task in the order of the rows. */
export function taskPanels(config: StudyReportConfig, all: StudyMeasurements): TaskPanel[] {
  const measured = all.tasks.filter(({ value }) => Number.isFinite(value));
  const by_task = Map.groupBy(measured, ({ task }) => task).values().toArray();
  return by_task.flatMap((of_task) => [...Map.groupBy(of_task, ({ metric }) => metric).values()])
    .map((rows) => ({
      task: rows[0].task,
      metric: rows[0].metric,
      dots: rows.map(({ model, value, ci_low, ci_high }) => ({
        label: modelLabel(config, all, model),
        series: modelLabel(config, all, model),
        value: 100 * value,
        low: 100 * ci_low,
        high: 100 * ci_high,
        text: `${(100 * value).toFixed(1)}%`,
      })),
    }));
}

/** All metrics with their intervals, up to two panels per row. */
async function tasksFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = taskPanels(config, all);
  if (panels.length === 0) return undefined;
  const counts = [...new Set(all.tasks.map(({ n }) => n))].sort((a, b) => a - b);
  const charts = panels.map(({ task, metric, dots }) => ({
    title: `${task}: ${metric}`,
    dots,
    task,
  }));
  const rows = [...Map.groupBy(charts, ({ task }) => task).values()].flatMap((of_task) =>
    Array.from({ length: Math.ceil(of_task.length / 2) }, (_, i) => of_task.slice(2 * i, 2 * i + 2))
  );
  return await renderFigure({
    name: "tasks",
    title: "Downstream tasks after fine-tuning",
    caption:
      "Percentage of questions that count under each metric, by arm and fine-tuning set; further right is better. " +
      `n = ${counts.join(" or ")} questions. Bars: 95% intervals over questions. ${
        scalesNote(panels.length)
      }`,
    chart: dotChart({ rows, styles: modelStyles(config, all), x: "questions (%)" }),
  });
}

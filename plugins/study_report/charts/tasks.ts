/**
 * Downstream tasks: what each fine-tuned model answers.
 *
 * @module
 */
import { type Figure, renderFigure } from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import { type Dot, dotPanel, GAP, panelWidth } from "./dot_panel.ts";
import { scalesNote, seriesStyles } from "./look.ts";

const STYLES = seriesStyles([""]);

/** One metric of one task, of every model that was asked. */
export interface TaskPanel {
  readonly task: string;
  readonly metric: string;
  readonly dots: readonly Dot[];
  readonly n: readonly number[];
}

/** Metrics as percentages, by task in the order of the rows. A model `arm.target` is shown by both labels. */
export function taskPanels(config: StudyReportConfig, all: StudyMeasurements): TaskPanel[] {
  const measured = all.tasks.filter(({ value }) => Number.isFinite(value));
  const panels = Map.groupBy(measured, ({ task, metric }) => `${task}\n${metric}`);
  return [...panels.values()].map((rows) => ({
    task: rows[0].task,
    metric: rows[0].metric,
    n: [...new Set(rows.map(({ n }) => n))],
    dots: rows.map(({ model, value, ci_low, ci_high }) => ({
      label: modelLabel(config, all, model),
      series: STYLES[0].label,
      value: 100 * value,
      low: 100 * ci_low,
      high: 100 * ci_high,
      text: `${(100 * value).toFixed(1)}%`,
    })),
  })).sort((a, b) => tasksIn(measured).indexOf(a.task) - tasksIn(measured).indexOf(b.task));
}

function tasksIn(rows: StudyMeasurements["tasks"]): string[] {
  return [...new Set(rows.map(({ task }) => task))];
}

/** "code 20% from 10%, Pycode" for the model `code.pycode`; others as they are. */
export function modelLabel(
  { targets }: StudyReportConfig,
  { arms }: StudyMeasurements,
  model: string,
): string {
  const arm = arms.find(({ arm }) => model === arm || model.startsWith(`${arm}.`));
  if (!arm) return model;
  const target = targets.find(({ name }) => model === `${arm.arm}.${name}`);
  return target ? `${arm.label}, ${target.label}` : arm.label;
}

/** Every metric with its interval, two panels in a row. */
export async function tasksFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = taskPanels(config, all);
  if (panels.length === 0) return undefined;
  const labels = panels.flatMap(({ dots }) => dots.map(({ label }) => label));
  const columns = panels.length > 1 ? 2 : 1;
  const counts = [...new Set(panels.flatMap(({ n }) => n))].sort((a, b) => a - b);
  const title = "Downstream tasks after fine-tuning";
  const rows = [...Map.groupBy(panels, ({ task }) => task).values()].flatMap((of_task) =>
    Array.from(
      { length: Math.ceil(of_task.length / columns) },
      (_, i) => of_task.slice(columns * i, columns * (i + 1)),
    )
  );
  return await renderFigure({
    name: "tasks",
    title,
    caption:
      `Percentage of the questions of each task that count under each metric, for models named by arm and by what ` +
      `they were fine-tuned on; further right is better. n = ${
        counts.join(" or ")
      } questions. Bars: 95% intervals ` +
      `over questions. ${scalesNote(panels.length)}`,
    chart: {
      title,
      spacing: 22,
      vconcat: rows.map((of_task) => ({
        spacing: GAP,
        hconcat: of_task.map(({ task, metric, dots }, i) =>
          dotPanel({
            title: `${task}: ${metric}`,
            dots,
            order: dots.map(({ label }) => label),
            styles: STYLES,
            x: "questions (%)",
            width: panelWidth(labels, columns),
            labelled: i === 0,
          })
        ),
      })),
    },
  });
}

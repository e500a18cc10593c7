/**
 * What models represent, and what they can do.
 *
 * @module
 */
import {
  decimals,
  leftOut,
  type Section,
  section,
  shownTable,
  tableFile,
} from "../../../core/report/mod.ts";
import { ports, study_ports } from "../../../core/stage/mod.ts";
import {
  ckaFigures,
  modelLabel,
  pairLabel,
  shiftFigure,
  stateLabel,
  tasksFigure,
} from "../charts/mod.ts";
import { labelledFile } from "../tables.ts";
import { figures, type Material } from "./material.ts";

/** Figures 5 and 9 to 13 of the paper. */
export async function ckaSection(material: Material): Promise<Section> {
  const { config, all } = material;
  const shown = (pair: string) => pairLabel(config, all, pair);
  const heading = "Representations (CKA)";
  const pairs = Object.entries(all.cka).filter(([, rows]) => rows.length > 0);
  if (pairs.length === 0) return leftOut("cka", heading, "no CKA table was given");
  const shifts = Object.entries(all.shift).flatMap(([pair, rows]) =>
    rows.map((row) => ({ pair, ...row }))
  );
  const table = shownTable(
    "Shift of the final layer, 1 - CKA, with jackknife intervals of 95% over subsamples of the probe.",
    shifts,
    {
      "arm and target": ({ pair }) => shown(pair),
      probe: ({ probe }) => probe,
      from: ({ model_a }) => stateLabel(model_a),
      to: ({ model_b }) => stateLabel(model_b),
      "#shift": ({ shift }) => decimals(shift),
      "#95%": ({ ci_low, ci_high }) =>
        Number.isFinite(ci_low) ? `[${decimals(ci_low)}, ${decimals(ci_high)}]` : "",
      "#mean CKA of equal layers": ({ mean_same_layer }) => decimals(mean_same_layer),
    },
    labelledFile("final_layer_shift", "pair", ports.final_layer_shift, all.shift),
  );
  const heat_maps = [];
  for (const [pair, rows] of pairs) heat_maps.push(...await ckaFigures(pair, rows, shown(pair)));
  return section("cka", heading, {
    paragraphs: [
      "Linear CKA of hidden states, every layer with every layer: the control and an arm, each before fine-tuning and " +
      '"tuned", after it (paper, Figures 5 and 9 to 13).',
    ],
    blocks: [...await figures(material, shiftFigure), table, ...heat_maps],
    files: [labelledFile("cka", "pair", ports.cka, all.cka)],
  });
}

/** Questions and answers. */
export async function tasksSection(material: Material): Promise<Section> {
  const { config, all } = material;
  const { tasks } = all;
  const heading = "Downstream tasks";
  if (tasks.length === 0) return leftOut("tasks", heading, "no questions were put to the models");
  const table = shownTable(
    "Share of the questions that count under each metric, with intervals of 95% over questions.",
    tasks,
    {
      model: ({ model }) => modelLabel(config, all, model),
      task: ({ task }) => task,
      metric: ({ metric }) => metric,
      "#value": ({ value }) => decimals(value),
      "#95%": ({ ci_low, ci_high }) => `[${decimals(ci_low)}, ${decimals(ci_high)}]`,
      "#questions": ({ n }) => String(n),
    },
    tableFile("tasks", study_ports.task_results, tasks),
  );
  return section("tasks", heading, { blocks: [table, ...await figures(material, tasksFigure)] });
}

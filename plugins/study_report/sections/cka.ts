/**
 * Representations: CKA between arms, and how far fine-tuning moves the final layer (paper, Figures 5 and 9 to 13).
 *
 * @module
 */
import {
  ckaFigures,
  decimals,
  type Dot,
  dotChart,
  type Figure,
  interval,
  labelled,
  labelledFile,
  leftOut,
  oncePerPair,
  present,
  probeLabel,
  renderFigure,
  type Section,
  section,
  shownTable,
} from "@causeway/core/report";
import { ports } from "@causeway/core/stage";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { neutralStyles } from "../styles.ts";

/** Shift of the final layer, then heat maps of all layers for each arm and target. */
export async function ckaSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const heading = "Representations (CKA)";
  const pairs = Object.entries(all.cka).filter(([, rows]) => rows.length > 0);
  if (pairs.length === 0) return leftOut("cka", heading, "no CKA table is wired to the report");
  const table = shownTable(
    "Shift of the final layer (1 - CKA), with 95% jackknife intervals over subsamples of the probe.",
    labelled("pair", all.shift),
    {
      "arm and target": ({ pair }) => pairLabel(config, all, pair),
      probe: probeLabel,
      from: ({ model_a }) => stateLabel(model_a),
      to: ({ model_b }) => stateLabel(model_b),
      "#shift": ({ shift }) => decimals(shift),
      "#95% interval": ({ ci_low, ci_high }) => interval(ci_low, ci_high),
      "#mean CKA of same layers": ({ mean_same_layer }) => decimals(mean_same_layer),
    },
    labelledFile("final_layer_shift", "pair", ports.final_layer_shift, all.shift),
  );
  const heat_maps = pairs.map(([pair, rows]) =>
    ckaFigures(fourComparisons(rows), {
      name: ["cka", pair],
      models: `control and ${pairLabel(config, all, pair)}`,
      rank,
      shown: stateLabel,
      note: ' "Tuned" is after fine-tuning.',
    })
  );
  return section("cka", heading, {
    paragraphs: [
      "Linear CKA of hidden states of the control and an arm, each before and after fine-tuning (paper, Figures 5 and 9 to " +
      "13): four comparisons. The two of an untuned with another tuned model are in the downloads.",
    ],
    blocks: [...await present(shiftFigure(config, all)), table, ...await present(...heat_maps)],
    files: [labelledFile("cka", "pair", ports.cka, all.cka)],
  });
}

type CkaRows = StudyMeasurements["cka"][string];

/** The paper's four: what fine-tuning changed in each model, and how the models differ before and after it. */
export function fourComparisons(rows: CkaRows): CkaRows {
  return rows.filter(({ model_a, model_b }) => rank(model_a, model_b) < CROSSED);
}

const TUNED = /_sft$/;
/** Rank of an untuned with another tuned model. */
const CROSSED = 2;

/** Order of pairs: what fine-tuning changed in each arm, how the arms differ before and after it, then the rest. */
export function rank(a: string, b: string): number {
  const same_arm = a.replace(TUNED, "") === b.replace(TUNED, "");
  const same_side = TUNED.test(a) === TUNED.test(b);
  return same_arm ? 0 : same_side ? 1 : CROSSED;
}

/** "code, tuned" for `code_sft`. */
function stateLabel(state: string): string {
  return TUNED.test(state) ? `${state.replace(TUNED, "")}, tuned` : state;
}

/** "code 20% from 10%, Pycode" for `code_pycode`, an arm and a target; other labels are unchanged. */
export function pairLabel(
  { targets }: StudyReportConfig,
  { arms }: StudyMeasurements,
  label: string,
): string {
  for (const arm of arms) {
    const target = targets.find(({ name }) => label === `${arm.arm}_${name}`);
    if (target) return `${arm.label}, ${target.label}`;
  }
  return label;
}

/** Shifts between every two states, by wiring label. */
export function shiftPanels(shift: StudyMeasurements["shift"]): { label: string; dots: Dot[] }[] {
  return Object.entries(shift).map(([label, rows]) => {
    const finite = rows.filter(({ shift }) => Number.isFinite(shift));
    const dots = oncePerPair(finite, (row) => [row.model_a, row.model_b, probeLabel(row)])
      .toSorted((p, q) => rank(p.model_a, p.model_b) - rank(q.model_a, q.model_b))
      .map((row): Dot => ({
        label: `${stateLabel(row.model_a)} – ${stateLabel(row.model_b)}`,
        series: probeLabel(row),
        value: row.shift,
        low: row.ci_low,
        high: row.ci_high,
        text: decimals(row.shift),
      }));
    return { label, dots };
  }).filter(({ dots }) => dots.length > 0);
}

/** Distance of the final layers of every two states. */
async function shiftFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = shiftPanels(all.shift);
  if (panels.length === 0) return undefined;
  const dots = panels.flatMap(({ dots }) => dots);
  const intervals = dots.some(({ low, high }) => [low, high].every(Number.isFinite));
  const highest = Math.max(...dots.map(({ value, high }) => Number.isFinite(high) ? high! : value));
  return await renderFigure({
    name: "final_layer_shift",
    title: "Shift of the final layer between models",
    caption:
      "1 - CKA of the two final layers, by the probe whose held-out text was used; further right is a larger change. " +
      `"Tuned" is after fine-tuning. ${
        intervals
          ? "Bars: 95% jackknife intervals over subsamples of sequences."
          : "No intervals were computed."
      }`,
    chart: dotChart({
      rows: panels.map(({ label, dots }) => [{ title: pairLabel(config, all, label), dots }]),
      styles: neutralStyles([...new Set(dots.map(({ series }) => series))]),
      x: "1 - CKA of the final layers",
      domain: [0, 1.05 * highest || 1],
    }),
  });
}

/**
 * Figures 5 and 9 to 13: CKA between the states of two arms, and how far the final layer has moved.
 *
 * @module
 */
import {
  type Cell,
  decimals,
  type Figure,
  heatMap,
  renderFigure,
  scaleFrom,
} from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import { type Dot, dotPanel, labelsWidth, panelWidth } from "./dot_panel.ts";
import { withKey } from "./key.ts";
import { fileName, seriesStyles } from "./look.ts";

type CkaRow = StudyMeasurements["cka"][string][number];

const TUNED = /_sft$/;

/** Two states, and every layer of one against every layer of the other. */
export interface StatePair {
  /** Along x. */
  readonly a: string;
  /** Along y. */
  readonly b: string;
  readonly cells: readonly Cell[];
}

/**
 * Every two different states once: what fine-tuning changed in each arm, how the arms differ before and after it, then
 * the rest.
 */
export function statePairs(rows: readonly CkaRow[]): StatePair[] {
  const finite = rows.filter(({ cka }) => Number.isFinite(cka));
  const pairs = new Map<string, { a: string; b: string; cells: Cell[] }>();
  for (const { model_a, model_b, layer_a, layer_b, cka } of finite) {
    if (model_a === model_b) continue;
    const key = JSON.stringify([model_a, model_b].sort());
    const pair = pairs.get(key) ?? { a: model_a, b: model_b, cells: [] };
    pairs.set(key, pair);
    // A table that holds both orders says everything twice.
    if (pair.a === model_a) pair.cells.push({ x: layer_a, y: layer_b, value: cka });
  }
  return [...pairs.values()].sort((p, q) => rank(p) - rank(q));
}

function rank({ a, b }: { a: string; b: string }): number {
  const same_arm = a.replace(TUNED, "") === b.replace(TUNED, "");
  const same_side = TUNED.test(a) === TUNED.test(b);
  return same_arm ? 0 : same_side ? 1 : 2;
}

/** "code, tuned" for `code_sft`. */
export function stateLabel(state: string): string {
  return TUNED.test(state) ? `${state.replace(TUNED, "")}, tuned` : state;
}

/**
 * One figure for each probe.
 *
 * @param label what the rows were wired under: the arm and the target.
 * @param shown the same for readers.
 */
export async function ckaFigures(
  label: string,
  rows: readonly CkaRow[],
  shown = label,
): Promise<Figure[]> {
  const probes = [...Map.groupBy(rows, ({ probe }) => probe)]
    .map(([probe, of_probe]) => ({ probe, of_probe, pairs: statePairs(of_probe) }))
    .filter(({ pairs }) => pairs.length > 0);
  // One scale for all probes, so that they can be compared.
  const domain = scaleFrom(probes.flatMap(({ pairs }) => pairs.flatMap(({ cells }) => cells)));
  return await Promise.all(probes.map(({ probe, of_probe, pairs }) => {
    const title = `CKA on ${probe}: control and ${shown}`;
    return renderFigure({
      name: fileName("cka", label, probe),
      title,
      caption:
        `Linear CKA (0 to 1) of hidden states on held-out text of ${probe}: every layer of one state against every ` +
        'layer of another; layer 0 is the embedding, and "tuned" is after fine-tuning. 1 means the same ' +
        `representation up to rotation and scale; darker is more similar.${
          widestInterval(of_probe)
        }`,
      chart: {
        title,
        columns: 3,
        spacing: { row: 20, column: 16 },
        concat: pairs.map((pair) => pairPanel(pair, domain)),
      },
    });
  }));
}

/** Room for the cells of each of three panels. */
const PANEL = 150;

function pairPanel({ a, b, cells }: StatePair, domain: [number, number]): object {
  const layers = [...new Set(cells.flatMap(({ x, y }) => [Number(x), Number(y)]))].sort((p, q) =>
    p - q
  );
  const titles = { x: stateLabel(a), y: stateLabel(b) };
  return heatMap([...cells], layers, "CKA", domain, {
    size: Math.min(40, PANEL / layers.length),
    ...titles,
  });
}

function widestInterval(rows: readonly CkaRow[]): string {
  const widths = rows.map(({ ci_low, ci_high }) => ci_high - ci_low).filter(Number.isFinite);
  if (widths.length === 0) return "";
  return " The widest of the jackknife intervals of 95%, which are taken between layers of the same number, spans " +
    `${Math.max(...widths).toFixed(3)}.`;
}

/** "code 20% from 10%, Pycode" for `code_pycode`, an arm and a target; other labels as they are. */
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

/** A wiring label with the shifts of every two states, each once. */
export function shiftPanels(shift: StudyMeasurements["shift"]): { label: string; dots: Dot[] }[] {
  return Object.entries(shift).map(([label, rows]) => {
    const seen = new Set<string>();
    const once = rows.filter(({ probe, model_a, model_b, shift }) => {
      const key = JSON.stringify([probe, ...[model_a, model_b].sort()]);
      return Number.isFinite(shift) && !seen.has(key) && seen.add(key);
    });
    const ranked = once.toSorted((p, q) => {
      const [of_p, of_q] = [p, q].map(({ model_a: a, model_b: b }) => rank({ a, b }));
      return of_p - of_q;
    });
    const dots = ranked.map(({ probe, model_a, model_b, shift, ci_low, ci_high }): Dot => ({
      label: `${stateLabel(model_a)} – ${stateLabel(model_b)}`,
      series: probe,
      value: shift,
      low: ci_low,
      high: ci_high,
      text: decimals(shift),
    }));
    return { label, dots };
  }).filter(({ dots }) => dots.length > 0);
}

/** How far the final layer lies from that of another state. */
export async function shiftFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = shiftPanels(all.shift);
  if (panels.length === 0) return undefined;
  const dots = panels.flatMap(({ dots }) => dots);
  const styles = seriesStyles([...new Set(dots.map(({ series }) => series))]);
  const labels = [...new Set(dots.map(({ label }) => label))];
  const intervals = dots.some(({ low, high }) => [low, high].every(Number.isFinite));
  const title = "Shift of the final layer between states";
  const highest = Math.max(...dots.map(({ value, high }) => Number.isFinite(high) ? high! : value));
  return await renderFigure({
    name: "final_layer_shift",
    title,
    caption:
      "1 - CKA of the two final layers, by the probe whose held-out text the states see; further right is a " +
      'larger change, and "tuned" is after fine-tuning.' +
      (intervals
        ? " Bars: jackknife intervals of 95% over subsamples of sequences."
        : " No intervals were asked for."),
    chart: withKey(title, styles, {
      spacing: 22,
      vconcat: panels.map(({ label, dots }) =>
        dotPanel({
          title: pairLabel(config, all, label),
          dots,
          order: [...new Set(dots.map(({ label }) => label))],
          styles,
          x: "1 - CKA of the final layers",
          width: panelWidth(labels, 1),
          labelled: true,
          domain: [0, 1.05 * highest || 1],
          spread: styles.length > 1,
          row: 16 * styles.length + 10,
        })
      ),
    }, { indent: labelsWidth(labels) }),
  });
}
